package reconciler

import (
	"context"
	"errors"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// A Cloud makes and lists machines and volumes. Every method may be called
// again after any failure, by this process or another, with the same effect.
// Package porttest holds the suite that each implementation passes.
type Cloud interface {
	// Identity names the world this cloud is, for ever: an account and region, or
	// a directory. A fleet is bound to one; in another, nothing would be found.
	Identity(ctx context.Context) (string, error)
	// Observe lists all machines and volumes of the fleet. A listing that failed
	// or is partial is told in Gaps, not as an error: what was seen still counts.
	Observe(ctx context.Context) plan.Inventory
	// Launch makes the machines of one batch: all actions carry the same token and
	// shape. A token that was used before makes nothing and returns the machines
	// it made then, terminated ones too. Fewer machines than asked for is no error:
	// an index that is missing from the answer will never be made with this token.
	// An error means that it is not known what happened.
	Launch(ctx context.Context, batch []plan.Action) ([]plan.Machine, error)
	// StartMachine starts a stopped machine.
	StartMachine(ctx context.Context, machineID string) error
	// TerminateMachine ends a machine for good. Its data volume is detached and kept.
	TerminateMachine(ctx context.Context, machineID string) error
	// AttachVolume fails with ErrConflict when the volume is attached elsewhere.
	AttachVolume(ctx context.Context, volumeID, machineID string) error
	// DetachVolume fails with ErrConflict while the volume is written to, and when it
	// is attached to another machine: a listing from before a move must not take it
	// from where it is now.
	DetachVolume(ctx context.Context, volumeID, machineID string) error
	// GrowVolume sets a larger size, GiB.
	GrowVolume(ctx context.Context, volumeID string, gb int) error
	// DeleteVolume fails with ErrConflict while the volume is attached, and while a
	// last snapshot of it is being made: it is asked for again until it is done.
	DeleteVolume(ctx context.Context, volumeID string) error
}

// Agents speaks with the agents on the machines.
type Agents interface {
	// Track says which machines there are: those that are new are watched from
	// now on, those that are gone no longer.
	Track(machines []plan.Machine)
	// Reports returns the newest report by machine id. A report stays as it is: a newer
	// one is another.
	Reports() map[string]*plan.Agent
	// Changed receives after a report changed in what a plan depends on.
	Changed() <-chan struct{}
	// Enrol gives the machine its identity, once.
	Enrol(ctx context.Context, machineID string) error
	// Deploy gives the machine an order with the secrets that belong to it.
	Deploy(ctx context.Context, machineID string, order plan.Order) error
	// Stop stops the database on the machine.
	Stop(ctx context.Context, machineID string, generation int64) error
	// Update has the agent replace itself; its database runs on.
	Update(ctx context.Context, machineID string, release plan.AgentRelease) error
}

// A Paced cloud tells how many machines it would launch without a wait, and when
// there will be more room. What does not fit is not claimed yet.
type Paced interface {
	LaunchRoom() (machines int, more time.Time)
}

// A Label says whose some machines and volumes are, for people and cost reports.
type Label struct {
	Resources  []string // ids of machines and volumes
	Deployment string   // id
	Ordinal    int
	Name       string // the deployment's
	Owner      string // who answers for it
}

// A Labeller is a cloud that can write labels where people look. Nothing depends on
// them: a label that is wrong or missing changes nothing that is done.
type Labeller interface {
	// Label writes the labels that differ from what was listed last: a few, and only
	// while the cloud's limits leave room that nothing else needs. left is how many
	// it did not come to; what is not listed is left out.
	Label(ctx context.Context, labels []Label) (left int, err error)
}

// Names keeps the address records of the fleet's domain.
type Names interface {
	// Domain is what all names end in, without dots at its ends.
	Domain() string
	// Addresses lists the domain's address records, those of others too. gap says
	// why the list is not whole; what was seen still counts.
	Addresses(ctx context.Context) (found []plan.Address, gap string)
	// Apply makes changes of names that are the fleet's or nobody's. The errors are
	// those of the changes, in the same order; nil: all were made. A change that was
	// made before is no error; one whose From is not there any more is an ErrConflict.
	Apply(ctx context.Context, changes []plan.AddressChange) []error
}

// Certificates gets certificates of a public authority. The keys stay in the
// secret store.
type Certificates interface {
	// Track says which deployments want a certificate, with its names: theirs are
	// watched from now on, others no longer.
	Track(names map[string][]string)
	// Reports returns what there is by deployment. One that was tracked and is
	// missing has not been looked up yet.
	Reports() map[string]plan.Certificate
	// Changed receives after a report changed.
	Changed() <-chan struct{}
	// Obtain gets a new certificate, which takes the authority up to minutes. That
	// the authority refuses or does not answer is in the report and no error.
	Obtain(ctx context.Context, deployment string, names []string) error
}

// Heads are the newest commits of the branches that the loop looks at; empty where
// there is none.
type Heads struct {
	Main      string
	Status    string
	Proposals string
}

// A Commit is what the loop asks of a commit of main beside its rows.
type Commit struct {
	Author  string // mail address
	Message string
	Parents []string // hashes; the first is the commit before on main
}

// A Store is the fleet's repository as the loop sees it.
type Store interface {
	// Fetch learns the hub's newest commits.
	Fetch(ctx context.Context) (Heads, error)
	// Snapshot loads the desired state at a commit whole.
	Snapshot(ctx context.Context, commit string) (*specs.Snapshot, error)
	// Steps lists the commits after from up to to along first parents, oldest
	// first. ok is false when from is not among to's first parents.
	Steps(ctx context.Context, from, to string) (commits []string, ok bool, err error)
	// Changes lists the rows of the desired state that differ between two commits.
	Changes(ctx context.Context, from, to string) ([]specs.RowChange, error)
	// Commit tells who made a commit and how.
	Commit(ctx context.Context, hash string) (Commit, error)
	// Authors are the mail addresses of those who wrote the commits that head has and
	// base has not.
	Authors(ctx context.Context, base, head string) ([]string, error)
	// MergeBase is the newest commit that both have.
	MergeBase(ctx context.Context, a, b string) (string, error)
	// Approvals are the mail addresses of those who approved a commit, as the
	// branch proposals says since the last Fetch.
	Approvals(ctx context.Context, hash string) ([]string, error)
	// EachRow reads tables of the branch status at a commit, in the order of names. The
	// rows are do's; its error ends the reading and is returned.
	EachRow(ctx context.Context, commit string, names []string, do func(table string, row specs.Row) error) error
	// Publish commits the edits on top of base on the branch status and pushes. It
	// returns the new commit, or ErrLost when the hub's branch is no longer at base:
	// then nothing was changed anywhere.
	Publish(ctx context.Context, base string, edits []ledger.Edit, message string) (string, error)
}

var (
	// ErrLost: another process pushed first.
	ErrLost = errors.New("another control plane pushed first")
	// ErrConflict: the thing is in a state that forbids this now; look again.
	ErrConflict = errors.New("not possible in the present state")
)
