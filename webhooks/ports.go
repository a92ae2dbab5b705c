package webhooks

import (
	"context"
	"errors"
	"time"

	"github.com/mainstaydb/mainstay/specs"
)

// A Repository names a repository on GitHub.
type Repository struct{ Owner, Name string }

func (r Repository) String() string { return r.Owner + "/" + r.Name }

// A PullRequest is one as GitHub's API tells of it now. What a delivery said of it
// is never trusted.
type PullRequest struct {
	Number      int
	State       string // open, closed
	Merged      bool
	MergeCommit string // sha; empty: none
	MergedBy    Person
	Draft       bool
	Fork        bool // its head is in another repository
	Title       string
	Body        string
	Author      Person
	URL         string // for people
	Base        string // branch
	BaseSHA     string
	Head        string // branch
	HeadSHA     string
	UpdatedAt   time.Time
}

// A Person is somebody on GitHub. Email may be the address that GitHub makes up.
type Person struct{ Login, Name, Email string }

// A File is one file of the desired state at a commit.
type File struct {
	Path    string // in the repository, slash-separated
	Content []byte
}

// A Comment is one in a pull request's conversation.
type Comment struct {
	ID        int64
	Author    Person
	Body      string
	CreatedAt time.Time
	Edited    bool // somebody changed it since, who need not be its author
}

// A CheckRun is the one check run of a commit.
type CheckRun struct {
	Name        string
	HeadSHA     string
	Status      string // queued, in_progress, completed
	Conclusion  string // success, failure, action_required, neutral; completed only
	Title       string
	Summary     string // Markdown
	Text        string // Markdown
	DetailsURL  string
	Annotations []Annotation
	ExternalID  string // what it was made from; equal: it need not be written again
}

// An Annotation is a finding on lines of a file.
type Annotation struct {
	Path    string
	Line    int // 1 or more
	Level   string
	Title   string
	Message string
}

// A DeploymentStatus tells how far the fleet is with a merged commit.
type DeploymentStatus struct {
	Ref         string // sha
	State       string // queued, in_progress, success, failure
	Description string // at most 140 characters
	URL         string
}

// GitHub is what is asked of GitHub. Every method may be called again after any
// failure with the same effect.
type GitHub interface {
	PullRequest(ctx context.Context, r Repository, number int) (PullRequest, error)
	// OpenPullRequests lists those into a branch.
	OpenPullRequests(ctx context.Context, r Repository, base string) ([]PullRequest, error)
	// ClosedSince lists pull requests that were closed or merged after a moment.
	ClosedSince(ctx context.Context, r Repository, base string, since time.Time) ([]PullRequest, error)
	// Files reads the files below a directory at a commit, of any fork.
	Files(ctx context.Context, r Repository, sha, dir string) ([]File, error)
	// MergeBase is the commit that two have in common.
	MergeBase(ctx context.Context, r Repository, base, head string) (string, error)
	// PutCheckRun makes or changes the check run of its name on its commit.
	PutCheckRun(ctx context.Context, r Repository, run CheckRun) error
	// PutComment makes or changes the one comment that holds the mark.
	PutComment(ctx context.Context, r Repository, number int, mark, body string) error
	// AddComment adds a comment unless one holds the mark.
	AddComment(ctx context.Context, r Repository, number int, mark, body string) error
	Comments(ctx context.Context, r Repository, number int, since time.Time) ([]Comment, error)
	// MayWrite says whether a person's permission on the repository is write or more.
	MayWrite(ctx context.Context, r Repository, login string) (bool, error)
	// Person tells who somebody is, as PullRequest tells it of its author.
	Person(ctx context.Context, r Repository, login string) (Person, error)
	// Writers are the logins of those who wrote or made the commits of a pull request,
	// as far as GitHub knows whose they are.
	Writers(ctx context.Context, r Repository, number int) ([]string, error)
	PutDeploymentStatus(ctx context.Context, r Repository, s DeploymentStatus) error
	// Commit changes files on a branch in one commit, if the branch is at parent. It
	// is ErrMoved when it is not. A nil content deletes.
	Commit(ctx context.Context, r Repository, branch, parent, message string, author Person, files []File) (sha string, err error)
	// OpenPullRequest proposes a branch, or finds the one that does.
	OpenPullRequest(ctx context.Context, r Repository, title, body, head, base string) (PullRequest, error)
	// Head is the commit that a branch is at.
	Head(ctx context.Context, r Repository, branch string) (string, error)
}

var (
	// ErrNotFound: GitHub has no such thing, or does not show it to us.
	ErrNotFound = errors.New("not found on GitHub")
	// ErrMoved: the branch is not where it was.
	ErrMoved = errors.New("the branch moved")
)

// A Proposal is what a pull request says, for the repository of the fleet.
type Proposal struct {
	Number int
	Title  string
	URL    string
	Author Person
	Head   string // sha
	// Reverts is the number of the pull request that this one takes back, as GitHub
	// writes it into its text; 0: none.
	Reverts int
	Base    []File // as the pull request found them
	Files   []File // as it wants them
}

// A Finding is one with its place in the files.
type Finding struct {
	specs.Finding
	Path string // empty: it has no place
	Line int
}

// A Review is what merging a proposal would do, now.
type Review struct {
	Commit    string // head of the Dolt branch
	Base      string // commit of main that it was judged against
	Passed    bool
	Findings  []Finding
	Changes   []specs.CellChange
	Plan      []Step
	Waits     []Step
	PlanHash  string
	Touched   int // deployments
	Fleet     int // deployments there are
	Conflicts []Conflict
	Others    []Overlap
}

// A Step is an action of the plan, or a wait.
type Step struct{ Deployment, Kind, Disruption, Summary string }

// A Conflict is a cell that main changed otherwise meanwhile. Path and Line are where
// the files say it; empty: nowhere.
type Conflict struct {
	Table, Key, Column string
	Base, Ours, Theirs string
	Path               string
	Line               int
}

// An Approval is what came of somebody's agreement.
type Approval struct {
	// Counts: it is one of the approvals that the fleet asks for, or would be. That of
	// who wrote or proposed the change is not.
	Counts   bool
	Accepted []string // checks whose warnings are accepted with it
}

// An Overlap is another open proposal that touches what this one touches.
type Overlap struct {
	Proposal string // for people, with its number
	URL      string
	What     string
}

// A Merge is the end of a proposal on the fleet's main.
type Merge struct {
	Commit   string // of the fleet's main
	Conflict []Conflict
}

// A Convergence is how far the fleet is with a commit of its main.
type Convergence struct {
	Done    bool
	Stalled string // why it will not come about by itself; empty: it may
	Waiting string // what is waited for
}

// Fleet is what is asked of the fleet's repository. Every method may be called
// again after any failure with the same effect.
type Fleet interface {
	// Propose brings a pull request's files to the branch github/<number>, three-way
	// against the base that it was cut from, opens its proposal, and judges it.
	// Files that cannot be read are findings, not an error.
	Propose(ctx context.Context, p Proposal) (Review, error)
	// Approve records that a person agrees to the head of a pull request, and accepts
	// what it was warned of. Of one who wrote a part of it only that counts. It is
	// ErrRefused when there is nothing to record.
	Approve(ctx context.Context, number int, head string, by Person, wrote bool) (Approval, error)
	// Merge merges the proposal as a pull request was merged: its author, title and
	// link, by whom. One that is merged already is found.
	Merge(ctx context.Context, p Proposal, by Person, sha string) (Merge, error)
	// Close closes the proposal of a pull request that ended without a merge.
	Close(ctx context.Context, number int, by Person) error
	// Heads are what open proposals have to be judged anew for when it changes.
	Heads(ctx context.Context) (string, error)
	// Affected are the pull requests with an open proposal that touches what main
	// changed since these heads. They are judged anew before all others.
	Affected(ctx context.Context, heads string) ([]int, error)
	// Convergence tells how far the fleet is with a commit.
	Convergence(ctx context.Context, commit string) (Convergence, error)
	// Render gives the desired state at main as files below a directory, with the
	// comments of those that are there, and the commit of main and the commits since
	// one that was rendered before with who made them and why. Only what main changed
	// since then is written; with no such commit all that differs, and nothing deleted.
	Render(ctx context.Context, dir string, there []File, since string) (Rendered, error)
}

// A Rendered is main as files.
type Rendered struct {
	Commit  string
	Files   []File   // that differ; nil content: to be deleted
	Unknown []string // files of deployments that main does not have, and that stay
	Author  Person   // of the newest commit that is not rendered
	Message string
	// FromGitHub says that all commits since came from pull requests: nothing needs to
	// be rendered back.
	FromGitHub bool
}
