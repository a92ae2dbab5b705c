package plan

// A Kind is a kind of action.
type Kind string

// The kinds of action. Each is idempotent: its effect twice is its effect once.
const (
	LaunchMachine    Kind = "launch-machine"
	StartMachine     Kind = "start-machine"
	TerminateMachine Kind = "terminate-machine"
	AttachVolume     Kind = "attach-volume"
	DetachVolume     Kind = "detach-volume"
	GrowVolume       Kind = "grow-volume"
	DeleteVolume     Kind = "delete-volume"
	EnrolAgent       Kind = "enrol-agent"
	DeployDatabase   Kind = "deploy-database"
	StopDatabase     Kind = "stop-database"
	ObtainCert       Kind = "obtain-certificate"
	PublishNames     Kind = "publish-names"
	UpdateAgent      Kind = "update-agent"
)

// Aside are the kinds of action that are carried out beside all others: nothing
// waits for them, and they may wait long for somebody else.
func Aside() []Kind { return []Kind{PublishNames, ObtainCert} }

// rank puts the actions that nothing waits for last.
func (k Kind) rank() int {
	if k == ObtainCert {
		return 1
	}
	return 0
}

// A Disruption is what an action costs those who use the database.
type Disruption string

// The disruptions, least first.
const (
	None    Disruption = "none"    // nobody notices
	Restart Disruption = "restart" // connections drop for as long as a restart takes
	Replace Disruption = "replace" // another machine, or none until further notice; the volume is kept
	Destroy Disruption = "destroy" // the database goes; its volume is kept for the retention time
)

// An Action is one change to the world. It is data, and all that the adapter
// carrying it out needs to know, except secrets.
type Action struct {
	Kind       Kind
	Deployment string // id
	Name       string // the deployment's, for people
	Summary    string // one line, for people: what and why
	Disruption Disruption

	Slot       SlotID // LaunchMachine, EnrolAgent, DeployDatabase, StopDatabase
	Token      string // LaunchMachine
	Index      int    // LaunchMachine
	Batch      int    // LaunchMachine: how many machines the token's request asked for
	Shape      Shape  // LaunchMachine
	MachineID  string // all that concern a machine that exists
	VolumeID   string // all that concern a volume
	VolumeGB   int    // GrowVolume: the new size
	Order      *Order // DeployDatabase
	Generation int64  // StopDatabase

	Names     []string        // ObtainCert: what the certificate is for
	Addresses []AddressChange // PublishNames
	Release   AgentRelease    // UpdateAgent
}

// A Wait is something that is wanted and not possible now, with the reason. It
// is part of the plan: nobody should have to guess why nothing happens.
type Wait struct {
	Deployment string // id; empty: the fleet
	Name       string
	Reason     string // a sentence that says what is waited for and why
}
