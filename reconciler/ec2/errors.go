package ec2

import (
	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// The kinds of error that EC2 has beyond those of every service.
const (
	NoCapacity awserr.Kind = "no capacity" // AWS has no such machine in that zone now
	Mismatch   awserr.Kind = "mismatch"    // the token was used for another request
)

// service is what EC2's errors mean.
var service = awserr.Service{
	Codes: map[string]awserr.Kind{
		"EC2ThrottledException": awserr.Throttled,

		"InsufficientInstanceCapacity": NoCapacity, "InsufficientHostCapacity": NoCapacity, "InsufficientCapacity": NoCapacity,
		"InsufficientReservedInstanceCapacity": NoCapacity, "InsufficientVolumeCapacity": NoCapacity,
		"InsufficientFreeAddressesInSubnet": NoCapacity,

		"InstanceLimitExceeded": awserr.Quota, "VcpuLimitExceeded": awserr.Quota, "VolumeLimitExceeded": awserr.Quota,
		"MaxIOPSLimitExceeded": awserr.Quota, "AttachmentLimitExceeded": awserr.Quota, "TagLimitExceeded": awserr.Quota,
		"MaxSpotInstanceCountExceeded": awserr.Quota, "PendingVerification": awserr.Quota, "SnapshotLimitExceeded": awserr.Quota,

		"VolumeInUse": awserr.Conflict, "IncorrectState": awserr.Conflict, "IncorrectStateException": awserr.Conflict,
		"IncorrectInstanceState": awserr.Conflict, "IncorrectModificationState": awserr.Conflict,
		"VolumeModificationRateExceeded": awserr.Conflict, "InvalidSnapshot.InUse": awserr.Conflict,
		"ConcurrentSnapshotLimitExceeded": awserr.Conflict, "SnapshotCreationPerVolumeRateExceeded": awserr.Conflict,

		"IdempotentParameterMismatch": Mismatch, "OperationNotPermitted": awserr.Refused,
	},
	Advice: map[awserr.Kind]string{NoCapacity: "it is tried again; another zone or instance type may have some"},
}

// explain turns an error of the SDK into one of a kind. Nil stays nil.
func explain(err error, doing string) error { return service.Explain(err, doing) }
