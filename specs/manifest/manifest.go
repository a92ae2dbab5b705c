// Package manifest is the desired state as YAML: one file for each deployment,
// and one, fleet.yaml, for what belongs to the whole fleet.
//
// It promises that rows written by Encode and read by Parse are the same rows,
// whatever text is in them; that Encode keeps the comments, the order and the
// formatting of a file that is there and changes the values that changed alone;
// that every fault has its file, line and column; and that Merge says which rows
// differ from what files say, and Statements how SQL makes them agree.
//
// It is bytes in, values out: it opens no file, and asks no repository. It does
// not judge the rows either: what a value may be is a matter of packages specs
// and ci, whose findings Merged gives back their place in a file.
package manifest

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mainstaydb/mainstay/specs"
)

// A Place is where something stands in a file. Both numbers begin at 1.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String gives the place as compilers do, so that editors can jump to it.
func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// A Fault is what is wrong with a file, with its place.
type Fault struct {
	File         string
	Line, Column int
	Message      string
	Advice       string // what to do next
}

// String gives the fault as one line for people.
func (f Fault) String() string {
	s := Place{f.File, f.Line, f.Column}.String() + ": " + f.Message
	if f.Advice != "" {
		s += "; " + f.Advice
	}
	return s
}

func (f Fault) Error() string { return f.String() }

// A Value is one written value: the text that the table has for it, and where it
// stands.
type Value struct {
	Text         string
	Line, Column int
}

// A Row is one row as a file says it: the columns that were written.
type Row struct {
	Line, Column int
	Values       map[string]Value
}

func (r Row) text(column string) string { return r.Values[column].Text }

// A File is what one file says: a deployment, or what belongs to the whole fleet.
type File struct {
	Name       string
	Deployment *Deployment // nil: it is the fleet's file
	Fleet      *Fleet      // nil: it is a deployment's
}

// A Deployment is one row of deployments with its settings, as a file says it.
type Deployment struct {
	Row
	Settings []Row // columns name and value; nil: the file has no settings
}

// Fleet is the rows that belong to no deployment. A list that is nil was not
// written, and an empty one was.
type Fleet struct {
	Limits    []Row
	Versions  []Row
	Reviewers []Row
}

// lists gives the rows by table.
func (f *Fleet) lists() map[string][]Row {
	return map[string][]Row{specs.TableLimits: f.Limits, specs.TableVersions: f.Versions, specs.TableReviewers: f.Reviewers}
}

// Tables are whole tables, as the repository has them.
type Tables map[string][]specs.Row

// TableNames lists the tables that files can say: all that is desired but the
// approvals, which belong to commits.
func TableNames() []string {
	return []string{specs.TableDeployments, specs.TableSettings, specs.TableLimits, specs.TableVersions, specs.TableReviewers}
}

// SortFaults orders faults by their places.
func SortFaults(faults []Fault) {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
