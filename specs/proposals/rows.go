package proposals

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mainstaydb/mainstay/specs"
)

// The tables of the branch proposals.
const (
	TableProposals        = "proposals"
	TableReviews          = "reviews"
	TableAcknowledgements = "acknowledgements"
	TableChecks           = "checks"
)

// Tables lists those that make up a Book.
func Tables() []string {
	return []string{TableProposals, TableReviews, TableAcknowledgements, TableChecks}
}

// layout is how DATETIME(6) columns are written as text; always UTC.
const layout = "2006-01-02 15:04:05.000000"

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Truncate(time.Microsecond).Format(layout)
}

func number(n int) any { return strconv.Itoa(n) }

func flag(b bool) any {
	if b {
		return "1"
	}
	return "0"
}

// Row gives the proposal as its row.
func (p Proposal) Row() specs.Row {
	return specs.Row{
		"id": number(p.ID), "branch": p.Branch, "base": p.Base, "title": p.Title, "description": p.Description, "author": p.Author,
		"author_email": p.AuthorEmail, "state": string(p.State), "head": p.Head, "merged_commit": p.MergedCommit, "ended_by": p.EndedBy,
		"created_at": moment(p.CreatedAt), "ended_at": moment(p.EndedAt),
	}
}

// Row gives the review as its row.
func (r Review) Row() specs.Row {
	return specs.Row{"proposal": number(r.Proposal), "person": r.Person, "head": r.Head, "comment": r.Comment, "at": moment(r.At)}
}

// Row gives the acknowledgement as its row.
func (a Acknowledgement) Row() specs.Row {
	return specs.Row{"proposal": number(a.Proposal), "head": a.Head, "check_name": a.Check, "person": a.Person, "at": moment(a.At)}
}

// Row gives the verdict as its row.
func (v Verdict) Row() specs.Row {
	findings, err := json.Marshal(v.Findings)
	if err != nil {
		panic("proposals: findings are plain data and always marshal: " + err.Error())
	}
	plan := string(v.Plan)
	if plan == "" {
		plan = "null"
	}
	return specs.Row{
		"proposal": number(v.Proposal), "head": v.Head, "base_commit": v.BaseCommit, "passed": flag(v.Passed),
		"findings": string(findings), "plan_hash": v.PlanHash, "preview": plan, "checked_at": moment(v.CheckedAt),
	}
}

// Decode reads a Book from the rows of Tables. Anybody may write there, so a row that
// cannot be read is passed over and named in Faults.
func Decode(tables map[string][]specs.Row) *Book {
	b := NewBook()
	for _, table := range Tables() {
		for _, row := range tables[table] {
			r := &reader{table: table, row: row}
			if b.decode(r); r.err != nil {
				b.Faults = append(b.Faults, r.err)
			}
		}
	}
	slices.SortFunc(b.Reviews, func(x, y Review) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Person, y.Person)) })
	slices.SortFunc(b.Acknowledgements, func(x, y Acknowledgement) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Check, y.Check))
	})
	return b
}

func (b *Book) decode(r *reader) {
	switch r.table {
	case TableProposals:
		p := Proposal{
			ID: r.number("id"), Branch: r.text("branch"), Base: r.text("base"), Title: r.text("title"), Description: r.text("description"),
			Author: r.text("author"), AuthorEmail: r.text("author_email"), State: State(r.text("state")), Head: r.text("head"),
			MergedCommit: r.text("merged_commit"), EndedBy: r.text("ended_by"), CreatedAt: r.moment("created_at"), EndedAt: r.moment("ended_at"),
		}
		if r.err == nil {
			b.Proposals[p.ID] = p
		}
	case TableReviews:
		v := Review{Proposal: r.number("proposal"), Person: r.text("person"), Head: r.text("head"), Comment: r.text("comment"), At: r.moment("at")}
		if r.err == nil {
			b.Reviews = append(b.Reviews, v)
		}
	case TableAcknowledgements:
		a := Acknowledgement{
			Proposal: r.number("proposal"), Head: r.text("head"), Check: r.text("check_name"), Person: r.text("person"), At: r.moment("at"),
		}
		if r.err == nil {
			b.Acknowledgements = append(b.Acknowledgements, a)
		}
	case TableChecks:
		v := Verdict{
			Proposal: r.number("proposal"), Head: r.text("head"), BaseCommit: r.text("base_commit"), Passed: r.text("passed") == "1",
			PlanHash: r.text("plan_hash"), Plan: r.document("preview"), CheckedAt: r.moment("checked_at"),
		}
		if r.fault("findings", json.Unmarshal([]byte(r.text("findings")), &v.Findings)); r.err == nil {
			b.Verdicts[v.Proposal] = v
		}
	}
}

// A reader takes typed values out of a row and keeps the first fault.
type reader struct {
	table string
	row   specs.Row
	err   error
}

func (r *reader) text(column string) string {
	s, _ := r.row[column].(string)
	return s
}

// document reads JSON as it is; nothing is null.
func (r *reader) document(column string) json.RawMessage {
	text := cmp.Or(r.text(column), "null")
	r.fault(column, json.Unmarshal([]byte(text), new(any)))
	return json.RawMessage(text)
}

func (r *reader) number(column string) int {
	n, err := strconv.Atoi(r.text(column))
	r.fault(column, err)
	return n
}

func (r *reader) moment(column string) time.Time {
	text := r.text(column)
	if text == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation("2006-01-02 15:04:05.999999", text, time.UTC)
	r.fault(column, err)
	return t
}

func (r *reader) fault(column string, err error) {
	if err != nil && r.err == nil {
		which := r.text("proposal")
		if r.table == TableProposals {
			which = r.text("id")
		}
		r.err = fmt.Errorf("branch proposals, table %s, proposal #%s, column %s: cannot read %q, and the row is passed over; "+
			"correct or delete it with mainstay sql -b proposals: %w", r.table, which, column, r.text(column), err)
	}
}
