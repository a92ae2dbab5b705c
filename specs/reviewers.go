package specs

// MainBranch is the branch whose rows are the desired state.
const MainBranch = "main"

// A Reviewer is one person who may let changes of an owner's deployments through:
// a row of the table reviewers.
type Reviewer struct {
	Branch   string // that is merged into; "main"
	Owner    string // of deployments; "": of all, and of rows that belong to no deployment
	Person   string // mail address
	Required int    // how many reviewers of the owner must approve; the largest of the owner's rows counts
}

// Key is the row's primary key.
func (r Reviewer) Key() string { return KeyOf(r.Branch, r.Owner, r.Person) }

func decodeReviewerChange(c RowChange) (func(*Snapshot), []Finding) {
	if c.To == nil {
		return func(s *Snapshot) { delete(s.Reviewers, c.Key) }, nil
	}
	r := reader{table: c.Table, key: c.Key, get: c.To.get}
	v := Reviewer{Branch: r.text("branch"), Owner: r.text("owner"), Person: r.text("person"), Required: r.integer("required")}
	return func(s *Snapshot) { s.Reviewers[c.Key] = v }, r.findings
}
