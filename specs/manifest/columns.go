package manifest

import "github.com/mainstaydb/mainstay/specs"

// A kind is how a column is written in YAML.
type kind int

const (
	text  kind = iota
	whole      // a whole number
	truth      // true or false
	open       // text that is written plain where it is a number, true or false: the values of settings
)

// A column is what files know of a column. The rules repeat the schema's, for
// editors; a test compares them.
type column struct {
	name     string
	kind     kind
	required bool
	initial  string // the schema's default, as the table has it
	min, max int
	orZero   bool // 0 is allowed beside min to max
	words    []string
	pattern  string
	most     int // characters
	about    string
}

const release = `^[0-9]+[.][0-9]+[.][0-9]+$`

// deploymentColumns are in the order of specs.DeploymentColumns.
var deploymentColumns = []column{
	{name: "id", pattern: `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, most: 36},
	{name: "name", required: true, pattern: `^[a-z]([a-z0-9-]*[a-z0-9])?$`, most: 63},
	{name: "owner", most: 255},
	{name: "zone", initial: "local", pattern: `^[a-z]([a-z0-9-]*[a-z0-9])?$`, most: 64},
	{name: "instance_type", initial: "t3.small", pattern: `^[a-z][a-z0-9-]*[.][a-z0-9-]+$`, most: 64},
	{name: "volume_type", initial: "gp3", words: []string{"gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"}},
	{name: "volume_gb", kind: whole, initial: "10", min: 1, max: 65536},
	{name: "volume_iops", kind: whole, initial: "0", min: 100, max: 256000, orZero: true},
	{name: "volume_mibps", kind: whole, initial: "0", min: 125, max: 2000, orZero: true},
	{name: "dolt_version", initial: "2.2.0", pattern: release, most: 32},
	{name: "standbys", kind: whole, initial: "0", max: 5},
	{name: "certificate", initial: "fleet", words: []string{"fleet", "acme"}},
	{name: "running", kind: truth, initial: "1"},
	{name: "protected", kind: truth, initial: "0"},
	{name: "retention_days", kind: whole, initial: "7", max: 3650},
}

var versionColumns = []column{
	{name: "version", required: true, pattern: release, most: 32, about: "A release of Dolt that the fleet may run."},
	{name: "url", most: 1024, about: "Where an agent can fetch it; empty: it is on the machine image."},
	{name: "sha256", pattern: `^([0-9a-f]{64})?$`, about: "SHA-256 of what is fetched, in hex; needed where there is a url."},
	{name: "note", most: 1024, about: "For people."},
}

var reviewerColumns = []column{
	{name: "branch", initial: "main", most: 255, about: "The branch that is merged into."},
	{name: "owner", most: 255, about: "Owner of deployments; empty: all of them, and rows that belong to no deployment."},
	{name: "person", required: true, pattern: `^[^@ ]+@[^@ ]+$`, most: 255, about: "Mail address."},
	{name: "required", kind: whole, initial: "1", max: 20, about: "How many reviewers of the owner must approve; the largest of the owner's rows counts."},
}

// limitColumns are the limits there are: fleet.yaml writes a row as a key.
var limitColumns = []column{
	{name: "max_destroyed", kind: whole, max: 1_000_000, about: "How many deployments one commit may destroy without an approval; 3 where it is left out."},
	{name: "max_disrupted", kind: whole, max: 1_000_000, about: "How many deployments may be disrupted at one time; 1 where it is left out."},
}

// keyColumns are the primary keys of the tables that fleet.yaml says.
var keyColumns = map[string][]string{
	specs.TableLimits:    {"name"},
	specs.TableVersions:  {"version"},
	specs.TableReviewers: {"branch", "owner", "person"},
}

// columnsOf are the columns of a table as rows have them.
func columnsOf(table string) []column {
	switch table {
	case specs.TableDeployments:
		return deploymentColumns
	case specs.TableVersions:
		return versionColumns
	case specs.TableReviewers:
		return reviewerColumns
	case specs.TableLimits:
		return []column{{name: "name"}, {name: "value", kind: whole}}
	}
	return []column{{name: "name"}, {name: "value", kind: open}}
}

func find(columns []column, name string) (column, bool) {
	for _, c := range columns {
		if c.name == name {
			return c, true
		}
	}
	return column{}, false
}

func names(columns []column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.name
	}
	return all
}

// initials is a new row with the schema's defaults.
func initials(columns []column) specs.Row {
	row := specs.Row{}
	for _, c := range columns {
		row[c.name] = c.initial
	}
	return row
}

// rowOf gives a deployment as its row. Package specs knows which columns there are.
func rowOf(d *specs.Deployment) specs.Row {
	s := specs.NewSnapshot()
	s.PutDeployment(d.Clone())
	for _, c := range specs.Diff(specs.NewSnapshot(), s) {
		if c.Table == specs.TableDeployments {
			return c.To
		}
	}
	return nil
}
