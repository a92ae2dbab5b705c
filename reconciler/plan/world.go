package plan

import "time"

// A SlotID names the place of one machine: the ordinal-th machine of a
// deployment, in its generation-th life. At most one machine ever fills it.
type SlotID struct {
	Deployment string
	Ordinal    int
	Generation int64
}

// A Shape is what a machine must be launched with. Two launches with equal
// shapes can go out as one request.
type Shape struct {
	Zone         string
	InstanceType string
	// Volume is the data volume to create with the machine; nil where the slot
	// takes over a volume that exists.
	Volume *VolumeSpec
}

// A VolumeSpec is the data volume to be created together with a machine.
type VolumeSpec struct {
	Type  string
	GB    int
	IOPS  int
	MiBps int
}

// SlotState says how far a slot's claim has come.
type SlotState string

// The states of a slot.
const (
	// SlotClaimed: on the ledger; whether the launch reached the cloud is not known.
	SlotClaimed SlotState = "claimed"
	// SlotBound: a machine was seen for it.
	SlotBound SlotState = "bound"
	// SlotVoid: the launch was settled and made no machine for it, or its machine
	// is gone. A new machine needs a new generation.
	SlotVoid SlotState = "void"
)

// A Slot is the ledger's record of a claimed place. (Token, Index) is what binds
// a machine to it.
type Slot struct {
	SlotID
	Token     string // client token of the launch batch
	Index     int    // position in the batch
	Batch     int    // size of the batch; a replay of the token must repeat it
	Shape     Shape  // as claimed; a replay of the token must repeat it
	State     SlotState
	MachineID string // empty until bound
	ClaimedAt time.Time
}

// An Entry is everything the ledger remembers about one deployment.
type Entry struct {
	Deployment string
	Name       string // last known, for messages after the row is gone
	Slots      []Slot // newest generation first; void ones are kept until the next claim, so that generations only rise
	VolumeID   string // the data volume once seen; an empty database is never made while this is set
	// DeletedAt and DeleteAfter are set when the row's deletion was applied: the
	// volume is kept until DeleteAfter.
	DeletedAt   time.Time
	DeleteAfter time.Time
	DeletedIn   string // the commit that deleted the row
}

// A MachineState is a machine's state as its cloud tells it.
type MachineState string

// The states of a machine.
const (
	MachinePending    MachineState = "pending"
	MachineRunning    MachineState = "running"
	MachineStopped    MachineState = "stopped" // can be started again, keeps its identity
	MachineStopping   MachineState = "stopping"
	MachineTerminated MachineState = "terminated" // gone for good, or going
)

// A Machine is one server as its cloud lists it.
type Machine struct {
	ID           string
	Token        string // of the launch that made it
	Index        int
	State        MachineState
	Zone         string
	InstanceType string
	AgentAddress string    // host:port of its agent; empty until known
	Host         string    // where its database is reached
	IPv6         string    // where it is reached over IPv6; empty: it is not
	LaunchedAt   time.Time // when it was started last, where the cloud says so; zero: it does not
	// Trouble says in words why the machine should be replaced while it still can
	// be: its host is to be retired, or the cloud's own checks fail. Empty: nothing.
	Trouble string
}

// A Volume is one data volume as its cloud lists it.
type Volume struct {
	ID         string
	Deployment string // tag
	Ordinal    int    // tag
	GB         int
	// Token and Index name the launch that made the volume, where the cloud knows
	// them and not the deployment: whose it is follows from the slot.
	Token      string
	Index      int
	AttachedTo string // machine id; empty: free
	// Busy says why the volume cannot be changed just now (attaching, growing);
	// empty: it can.
	Busy string
	// ByHand says that no launch of ours made it: people did, and handed it over.
	ByHand bool
}

// DatabaseState is the state of the dolt sql-server on a machine.
type DatabaseState string

// The states of a database.
const (
	DatabaseAbsent   DatabaseState = "absent"
	DatabaseStarting DatabaseState = "starting"
	DatabaseServing  DatabaseState = "serving"
	DatabaseStopping DatabaseState = "stopping"
	DatabaseFailed   DatabaseState = "failed"
)

// An Order is the desired state of one machine, without its secrets.
type Order struct {
	Generation  int64
	Deployment  string
	Name        string
	DoltVersion string
	DoltURL     string // where the agent fetches that version; empty: it is on the machine image
	DoltSHA256  string // of what is fetched, hex
	Settings    map[string]string
	// Certificate is the fingerprint of the public authority's certificate that the
	// database shows; empty: one of the fleet's CA.
	Certificate string
}

// A Certificate is what there is of a public authority's for one deployment.
type Certificate struct {
	Fingerprint string    // SHA-256 of the leaf, hex; empty: there is none yet
	Names       string    // that it is for, sorted and joined by a space
	NotAfter    time.Time // its end
	Renew       time.Time // when the authority suggests that it be renewed
	// Error says why the last try failed, and Retry when the next makes sense.
	// Empty and zero: it did not.
	Error string
	Retry time.Time
}

// An Address is one address record of the fleet's domain.
type Address struct {
	Name       string // without a trailing dot
	Type       string // A or AAAA
	Value      string // the address
	TTL        int    // seconds
	Deployment string // whose the name is, as its ownership record says; empty: not the fleet's
}

// An AddressChange takes one name and type from one value to another. From is
// what must be there, so that nobody else's change is written over.
type AddressChange struct {
	Deployment string
	Name       string
	Type       string
	From       string // empty: there is none
	FromTTL    int
	To         string // empty: it goes
	ToTTL      int
}

// An AgentRelease is a version of the agent that machines should run.
type AgentRelease struct {
	Version string
	URL     string
	SHA256  string // hex
}

// An Agent is the last report of the agent on one machine.
type Agent struct {
	Reachable bool
	Since     time.Time // of the present reachability
	Error     string    // why it is not reachable, for people
	Enrolled  bool
	// Generation is the newest the agent has seen: it refuses older ones.
	Generation      int64
	Order           *Order // accepted last; nil before the first and after a stop
	Database        DatabaseState
	DatabaseDetail  string
	DatabaseVersion string
	PID             int
	Host            string
	Port            int
	VolumeAttached  bool
	// ListenerExpires is when the database's certificate ends; zero: none yet.
	ListenerExpires time.Time
	Version         string // of the agent itself
	Conditions      []Condition
}

// A Condition is one named fact about a deployment that people should know of.
type Condition struct {
	Type    string
	Status  bool
	Reason  string // one word, for machines
	Message string // a sentence, for people
}

// Gaps name what could not be seen whole, each with the reason. Absence under a
// gap is not absence.
type Gaps struct {
	Machines string
	Volumes  string
	Names    string
}

// An Inventory is what a cloud lists, and what it could not list.
type Inventory struct {
	Machines []Machine
	Volumes  []Volume
	Gaps     Gaps
}
