package ec2

import (
	"time"

	"github.com/mainstaydb/mainstay/reconciler/awslimit"
)

// Buckets are AWS's published limits for an account in a region. AWS counts each
// action by itself; units are instances.
func Buckets() []awslimit.Bucket {
	return []awslimit.Bucket{
		{Name: "reads", Actions: []string{"DescribeInstances", "DescribeVolumes", "DescribeInstanceStatus", "DescribeSnapshots"}, Burst: 100, PerSecond: 20},
		{Name: "launch requests", Actions: []string{"RunInstances"}, Burst: 5, PerSecond: 2},
		{Name: "launched instances", Actions: []string{"RunInstances"}, Units: true, Burst: 1000, PerSecond: 2},
		{Name: "started instances", Actions: []string{"StartInstances"}, Units: true, Burst: 1000, PerSecond: 2},
		{Name: "start requests", Actions: []string{"StartInstances"}, Burst: 5, PerSecond: 2},
		{Name: "terminate requests", Actions: []string{"TerminateInstances"}, Burst: 100, PerSecond: 5},
		{Name: "terminated instances", Actions: []string{"TerminateInstances"}, Units: true, Burst: 1000, PerSecond: 20},
		{Name: "deleted volumes", Actions: []string{"DeleteVolume"}, Burst: 100, PerSecond: 5},
		{Name: "snapshots", Actions: []string{"CreateSnapshot", "DeleteSnapshot"}, Burst: 100, PerSecond: 5},
		{Name: "tags", Actions: []string{"CreateTags"}, Burst: 100, PerSecond: 10},
		{Name: "other changes", Burst: 50, PerSecond: 5},
	}
}

// worthwhile is the fewest machines that a launch is for while the limit on launched
// instances is what holds the fleet back: it comes back at 2 a second, and a request
// for each 2 would use up the limit on requests as well.
const worthwhile = 50

// LaunchRoom implements reconciler.Paced.
func (c *Cloud) LaunchRoom() (machines int, more time.Time) {
	return c.limiter.Room("RunInstances", worthwhile)
}
