// Package proposals holds what is suggested for main, who agreed and what the
// checks said: the rows of the repository's branch proposals as values.
//
// It promises that what Row gives reads back the same by Decode, that an approval
// counts for exactly the commit that was approved, and that the message of a merge
// says which proposal it is and which plan was shown, so that the commit alone
// carries both.
//
// It does not read or write the repository and decides nothing: package ci judges,
// and the command line and the control plane act.
package proposals

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/specs"
)

// A State is where a proposal stands.
type State string

// The states. Merged and closed ones do not change any more.
const (
	Open   State = "open"
	Merged State = "merged"
	Closed State = "closed"
)

// A Proposal is a branch with a reason.
type Proposal struct {
	ID           int
	Branch       string
	Base         string // that it is merged into
	Title        string
	Description  string
	Author       string
	AuthorEmail  string
	State        State
	Head         string // of the branch when the proposal was last written
	MergedCommit string
	EndedBy      string // mail address of who merged or closed it
	CreatedAt    time.Time
	EndedAt      time.Time
}

// A Review is one person's approval of one commit.
type Review struct {
	Proposal int
	Person   string // mail address
	Head     string
	Comment  string
	At       time.Time
}

// An Acknowledgement accepts the warnings of one check for one commit.
type Acknowledgement struct {
	Proposal int
	Head     string
	Check    string
	Person   string
	At       time.Time
}

// A Verdict is what the last check of a proposal said.
type Verdict struct {
	Proposal   int
	Head       string
	BaseCommit string
	Passed     bool
	Findings   []specs.Finding
	PlanHash   string
	Plan       json.RawMessage
	CheckedAt  time.Time
}

// A Book is all proposals at one commit of their branch.
type Book struct {
	Proposals        map[int]Proposal
	Reviews          []Review
	Acknowledgements []Acknowledgement
	Verdicts         map[int]Verdict // by proposal
	Faults           []error         // rows that could not be read, and are not above
}

// NewBook is the book of a fleet that never had a proposal.
func NewBook() *Book { return &Book{Proposals: map[int]Proposal{}, Verdicts: map[int]Verdict{}} }

// Next is the number of the next proposal.
func (b *Book) Next() int {
	next := 1
	for id := range b.Proposals {
		next = max(next, id+1)
	}
	return next
}

// List gives the proposals, newest first.
func (b *Book) List() []Proposal {
	list := slices.Collect(maps.Values(b.Proposals))
	slices.SortFunc(list, func(x, y Proposal) int { return y.ID - x.ID })
	return list
}

// OpenOf finds the open proposal of a branch.
func (b *Book) OpenOf(branch string) (Proposal, bool) {
	for _, p := range b.List() {
		if p.Branch == branch && p.State == Open {
			return p, true
		}
	}
	return Proposal{}, false
}

// Approvals are the mail addresses of those who approved a commit, in any proposal.
func (b *Book) Approvals(head string) []string {
	var people []string
	for _, r := range b.Reviews {
		if r.Head == head && !slices.Contains(people, r.Person) {
			people = append(people, r.Person)
		}
	}
	slices.Sort(people)
	return people
}

// Acknowledged are the checks whose warnings were accepted for a commit.
func (b *Book) Acknowledged(head string) []string {
	var checks []string
	for _, a := range b.Acknowledgements {
		if a.Head == head && !slices.Contains(checks, a.Check) {
			checks = append(checks, a.Check)
		}
	}
	slices.Sort(checks)
	return checks
}

// The lines that a merge's message ends with.
const (
	proposalTrailer = "Proposal: #"
	planTrailer     = "Plan: "
)

// Message is that of the commit which merges a proposal.
func Message(p Proposal, plan string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Merge #%d: %s", p.ID, p.Title)
	if p.Description != "" {
		b.WriteString("\n\n" + p.Description)
	}
	fmt.Fprintf(&b, "\n\n%s%d", proposalTrailer, p.ID)
	if plan != "" {
		b.WriteString("\n" + planTrailer + plan)
	}
	return b.String()
}

// ParseMessage reads which proposal a commit merged and which plan was shown for
// it; 0 and "" where the message says nothing. Only the last lines count, so that a
// description cannot speak for them.
func ParseMessage(message string) (id int, plan string) {
	lines := strings.Split(strings.TrimSpace(message), "\n")
	for _, line := range slices.Backward(lines) {
		if text, ok := strings.CutPrefix(line, planTrailer); ok && plan == "" {
			plan = strings.TrimSpace(text)
			continue
		}
		text, ok := strings.CutPrefix(line, proposalTrailer)
		if !ok {
			return 0, ""
		}
		number, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || number < 1 {
			return 0, ""
		}
		return number, plan
	}
	return 0, ""
}
