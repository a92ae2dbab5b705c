package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/specs"
)

// A Proposal is what pr list and pr show print.
type Proposal struct {
	ID           int        `json:"id"`
	Branch       string     `json:"branch"`
	Base         string     `json:"base"`
	Title        string     `json:"title"`
	Description  string     `json:"description"`
	Author       string     `json:"author"`
	State        string     `json:"state"`
	Head         string     `json:"head"`
	MergedCommit string     `json:"merged_commit"`
	Checks       string     `json:"checks"` // passed, failed, stale or none
	PlanHash     string     `json:"plan_hash"`
	Approvals    []string   `json:"approvals"`
	CreatedAt    time.Time  `json:"created_at"`
	EndedAt      *time.Time `json:"ended_at,omitempty"`
	EndedBy      string     `json:"ended_by,omitempty"`
}

// A Check is what pr check prints.
type Check struct {
	ID       int                `json:"id"`
	Passed   bool               `json:"passed"`
	Head     string             `json:"head"`
	Base     string             `json:"base_commit"`
	Findings []specs.Finding    `json:"findings"`
	Diff     []specs.CellChange `json:"diff"`
	Plan     Plan               `json:"plan"`
	Accept   []string           `json:"needs_acknowledgement"` // checks
}

// A Conflict is one cell that two branches changed, or a row that one of them
// deleted.
type Conflict struct {
	Table    string `json:"table"`
	Key      string `json:"key"`
	Column   string `json:"column"`
	Base     any    `json:"base"`
	Ours     any    `json:"ours"`
	Theirs   any    `json:"theirs"`
	OursBy   string `json:"ours_by"`
	TheirsBy string `json:"theirs_by"`
}

// WriteProposals prints one line for each.
func WriteProposals(w io.Writer, style render.Style, list []Proposal) error {
	t := render.NewTable(style, style.Dim("#"), style.Dim("STATE"), style.Dim("CHECKS"), style.Dim("BRANCH"), style.Dim("AUTHOR"), style.Dim("TITLE"))
	for _, p := range list {
		t.Row(fmt.Sprint(p.ID), state(style, p.State), checks(style, p.Checks), p.Branch, p.Author, p.Title)
	}
	return t.Write(w)
}

func state(style render.Style, s string) string {
	switch s {
	case "open":
		return style.Busy(s)
	case "merged":
		return style.Good(s)
	}
	return style.Dim(s)
}

func checks(style render.Style, s string) string {
	switch s {
	case "passed":
		return style.Good(s)
	case "failed":
		return style.Bad(s)
	}
	return style.Dim(s)
}

// WriteProposal prints what is known of one.
func WriteProposal(w io.Writer, style render.Style, p Proposal) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", style.Bold(fmt.Sprintf("#%d %s", p.ID, render.Visible(p.Title))), state(style, p.State))
	fmt.Fprintf(&b, "%s into %s, by %s, %s\n", p.Branch, p.Base, render.Visible(p.Author), p.CreatedAt.Local().Format(time.DateTime))
	if p.MergedCommit != "" {
		fmt.Fprintf(&b, "merged as %s by %s\n", Short(p.MergedCommit), p.EndedBy)
	}
	if len(p.Approvals) > 0 {
		fmt.Fprintf(&b, "approved by %s\n", strings.Join(p.Approvals, ", "))
	}
	if p.Description != "" {
		fmt.Fprintf(&b, "\n%s\n", indent(p.Description))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func indent(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = "    " + render.Visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// WriteCheck prints what a proposal changes, what the checks say and what would
// happen to the world.
func WriteCheck(w io.Writer, style render.Style, c Check) error {
	var b strings.Builder
	for _, line := range ChangeLines(style, c.Diff) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("\n")
	for _, f := range c.Findings {
		fmt.Fprintf(&b, "%s %s\n", Mark(style, f.Severity), render.Visible(fmt.Sprintf("%s [%s]", f.String(), f.Check)))
	}
	if c.Passed {
		fmt.Fprintf(&b, "%s\n", style.Good("the checks pass"))
	} else {
		fmt.Fprintf(&b, "%s\n", style.Bad("the checks do not let this in"))
	}
	if len(c.Accept) > 0 {
		fmt.Fprintf(&b, "to accept what is warned of: --ack %s\n", strings.Join(c.Accept, ","))
	}
	b.WriteString("\nwhat merging would do now:\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	shown := c.Plan
	shown.Findings = nil // told above
	return WritePlan(w, style, shown)
}

// Mark is the sign that a line of a severity begins with.
func Mark(style render.Style, s specs.Severity) string {
	switch s {
	case specs.Error:
		return style.Bad("!")
	case specs.Warning:
		return style.Busy("?")
	}
	return style.Dim("-")
}

// WriteConflicts prints each conflict with both sides, and how to settle it. id 0
// is no proposal yet.
func WriteConflicts(w io.Writer, style render.Style, conflicts []Conflict, id int) error {
	t := render.NewTable(style, style.Dim("CELL"), style.Dim("BEFORE"), style.Dim("OURS (main)"), style.Dim("THEIRS (the branch)"))
	for _, c := range conflicts {
		cell := c.Table + " " + c.Key
		if c.Column != "" {
			cell += "." + c.Column
		}
		t.Row(cell, value(c.Base), side(c.Ours, c.OursBy), side(c.Theirs, c.TheirsBy))
	}
	if err := t.Write(w); err != nil {
		return err
	}
	how := fmt.Sprintf("settle it with: mainstay pr merge %d --ours   or --theirs, or change the branch with mainstay sql -b", id)
	if id == 0 {
		how = "these cells were changed again since; change them by hand with mainstay sql -b, or roll back to a time, which takes everything since back"
	}
	_, err := fmt.Fprintf(w, "\n%s\n", how)
	return err
}

func side(v any, by string) string {
	if by == "" {
		return value(v)
	}
	return value(v) + "  (" + by + ")"
}
