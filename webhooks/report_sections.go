package webhooks

import (
	"fmt"
	"regexp"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/webhooks/markdown"
)

type row = []markdown.HTML

// allSections are those of the comment, what stands in the way first.
func allSections(s subject) []markdown.Section {
	return append(troubleSections(s), effectSections(s)...)
}

// troubleSections are what a person has to think about.
func troubleSections(s subject) []markdown.Section {
	return []markdown.Section{conflictSection(s.review.Conflicts), findingSection(s.review.Findings), overlapSection(s)}
}

// effectSections are what would happen.
func effectSections(s subject) []markdown.Section {
	return []markdown.Section{
		changeSection(s.review.Changes), stepSection("Plan", s.review.Plan), stepSection("What waits", s.review.Waits),
	}
}

func conflictSection(conflicts []Conflict) markdown.Section {
	s := markdown.Section{Title: "Conflicts", Columns: []string{"Value", "It was", "Main has by now", "Here it becomes"}}
	for _, c := range conflicts {
		s.Rows = append(s.Rows, row{place(c.Table, c.Key, c.Column), markdown.Code(c.Base), markdown.Code(c.Ours), markdown.Code(c.Theirs)})
	}
	return s
}

func findingSection(findings []Finding) markdown.Section {
	s := markdown.Section{Title: "Findings", Columns: []string{"", "Check", "Where", "What, and what to do"}}
	for _, f := range findings {
		text := f.Message
		if f.Advice != "" {
			text += "; " + f.Advice
		}
		s.Rows = append(s.Rows, row{severity(f.Severity), markdown.Code(f.Check), where(f), markdown.Code(text)})
	}
	return s
}

func severity(s specs.Severity) markdown.HTML {
	switch s {
	case specs.Error:
		return "❌ error"
	case specs.Warning:
		return "⚠️ warning"
	}
	return "note"
}

// where prefers the line that can be changed to the row that it stands for.
func where(f Finding) markdown.HTML {
	switch {
	case f.Path != "" && f.Line > 0:
		return markdown.Code(fmt.Sprintf("%s:%d", f.Path, f.Line))
	case f.Path != "":
		return markdown.Code(f.Path)
	}
	return place(f.Table, f.Key, f.Column)
}

func place(table, key, column string) markdown.HTML {
	text := table
	if key != "" {
		text += " " + key
	}
	if column != "" {
		text += "." + column
	}
	return markdown.Code(text)
}

func changeSection(changes []specs.CellChange) markdown.Section {
	s := markdown.Section{Title: "Changed values", Columns: []string{"Table", "Row", "Column", "From", "To"}}
	for _, c := range changes {
		s.Rows = append(s.Rows, row{markdown.Code(c.Table), markdown.Code(c.Key), markdown.Code(c.Column), value(c.From), value(c.To)})
	}
	return s
}

func value(v any) markdown.HTML {
	if v == nil {
		return "–"
	}
	return markdown.Code(fmt.Sprint(v))
}

func stepSection(title string, steps []Step) markdown.Section {
	s := markdown.Section{Title: title, Columns: []string{"Deployment", "Action", "Disruption", "What and why"}}
	for _, step := range steps {
		s.Rows = append(s.Rows, row{markdown.Code(step.Deployment), orDash(step.Kind), orDash(step.Disruption), markdown.Code(step.Summary)})
	}
	return s
}

func orDash(s string) markdown.HTML {
	if s == "" {
		return "–"
	}
	return markdown.Code(s)
}

func overlapSection(s subject) markdown.Section {
	section := markdown.Section{Title: "Other open proposals about the same", Columns: []string{"Proposal", "What"}}
	for _, o := range s.review.Others {
		section.Rows = append(section.Rows, row{linkTo(o, s.pr.URL), markdown.Code(o.What)})
	}
	return section
}

var pullRequestPage = regexp.MustCompile(`^(https?://.*/pull/)[0-9]+$`)

// linkTo links a proposal if it is a pull request next to this one. The address is
// from a branch that anybody may write to, so no other is believed.
func linkTo(o Overlap, page string) markdown.HTML {
	here, there := pullRequestPage.FindStringSubmatch(page), pullRequestPage.FindStringSubmatch(o.URL)
	if here == nil || there == nil || here[1] != there[1] {
		return markdown.Code(o.Proposal)
	}
	return markdown.Code(o.Proposal) + " " + markdown.Link("↗", o.URL)
}
