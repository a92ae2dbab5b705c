package specs

import "fmt"

// Apply moves s by the changes between its commit and another, at a cost that
// follows the changes. When a row cannot be read the findings say which row and
// column, and s is as it was.
func (s *Snapshot) Apply(changes []RowChange) []Finding {
	var findings []Finding
	moves := make([]func(*Snapshot), 0, len(changes))
	for _, c := range changes {
		move, faults := decodeChange(c)
		findings = append(findings, faults...)
		moves = append(moves, move)
	}
	if len(findings) > 0 {
		return findings
	}
	for _, move := range moves {
		move(s)
	}
	return nil
}

// Load puts one row into s. A row that cannot be read is remembered as a fault
// that Validate tells of, so that one bad row never hides the others.
func (s *Snapshot) Load(table, key string, row Row) {
	move, findings := decodeChange(RowChange{Table: table, Key: key, To: row})
	if len(findings) > 0 {
		s.fault(table, key, findings)
		return
	}
	move(s)
}

// decodeChange reads a change into the move it makes. Reading and moving are two
// steps so that nothing moves unless everything could be read.
func decodeChange(c RowChange) (func(*Snapshot), []Finding) {
	move, findings := decodeTable(c)
	return func(s *Snapshot) { s.fault(c.Table, c.Key, nil); move(s) }, findings
}

func decodeTable(c RowChange) (func(*Snapshot), []Finding) {
	switch c.Table {
	case TableDeployments:
		return decodeDeploymentChange(c)
	case TableSettings:
		return decodeSettingChange(c)
	case TableLimits:
		return decodeLimitChange(c)
	case TableVersions:
		return decodeVersionChange(c)
	case TableApprovals:
		return decodeApprovalChange(c)
	case TableReviewers:
		return decodeReviewerChange(c)
	case TableSchema:
		return decodeSchemaChange(c)
	}
	// Teams may keep tables of their own beside ours.
	return func(*Snapshot) {}, nil
}

func decodeDeploymentChange(c RowChange) (func(*Snapshot), []Finding) {
	if c.To == nil {
		return func(s *Snapshot) { s.removeDeployment(c.Key) }, nil
	}
	d, findings := DecodeDeployment(c.To.get)
	return func(s *Snapshot) { s.PutDeployment(d) }, findings
}

func decodeSettingChange(c RowChange) (func(*Snapshot), []Finding) {
	deployment, name := splitSettingKey(c.Key)
	if c.To == nil {
		return func(s *Snapshot) { s.unsetSetting(deployment, name) }, nil
	}
	r := reader{table: c.Table, key: c.Key, get: c.To.get}
	value := r.text("value")
	return func(s *Snapshot) { s.setSetting(deployment, name, value) }, r.findings
}

func decodeLimitChange(c RowChange) (func(*Snapshot), []Finding) {
	r := reader{table: c.Table, key: c.Key, get: c.To.get}
	if c.To == nil {
		return func(s *Snapshot) { s.Limits.reset(c.Key) }, nil
	}
	value := r.integer("value")
	var scratch Limits
	if scratch.field(c.Key) == nil {
		r.fail("name", "there is no limit of this name", "the limits are max_disrupted and max_destroyed; correct or delete the row")
	}
	return func(s *Snapshot) { *s.Limits.field(c.Key) = value }, r.findings
}

// field finds a limit by the name of its row; nil: there is none.
func (l *Limits) field(name string) *int {
	switch name {
	case "max_disrupted":
		return &l.MaxDisrupted
	case "max_destroyed":
		return &l.MaxDestroyed
	}
	return nil
}

// reset gives a limit whose row is gone its default.
func (l *Limits) reset(name string) {
	defaults := DefaultLimits()
	if field := l.field(name); field != nil {
		*field = *defaults.field(name)
	}
}

func decodeVersionChange(c RowChange) (func(*Snapshot), []Finding) {
	if c.To == nil {
		return func(s *Snapshot) { delete(s.Versions, c.Key) }, nil
	}
	r := reader{table: c.Table, key: c.Key, get: c.To.get}
	v := Version{Version: r.text("version"), URL: r.text("url"), SHA256: r.text("sha256")}
	return func(s *Snapshot) { s.Versions[v.Version] = v }, r.findings
}

func decodeApprovalChange(c RowChange) (func(*Snapshot), []Finding) {
	if c.To == nil {
		return func(s *Snapshot) { delete(s.Approvals, c.Key) }, nil
	}
	r := reader{table: c.Table, key: c.Key, get: c.To.get}
	a := Approval{CommitHash: r.text("commit_hash"), ApprovedBy: r.text("approved_by"), Reason: r.text("reason")}
	return func(s *Snapshot) { s.Approvals[a.CommitHash] = a }, r.findings
}

// decodeSchemaChange refuses a schema this program does not know: it would read
// rows whose meaning it cannot know either.
func decodeSchemaChange(c RowChange) (func(*Snapshot), []Finding) {
	if c.To == nil {
		return func(*Snapshot) {}, nil
	}
	r := reader{table: c.Table, key: c.Key, get: c.To.get}
	version := r.integer("version")
	if len(r.findings) == 0 && version > SchemaVersion {
		r.fail("version",
			fmt.Sprintf("the repository's schema is version %d and this program knows versions up to %d", version, SchemaVersion),
			"run a newer mainstay")
	}
	return func(s *Snapshot) { s.SchemaVersion = max(s.SchemaVersion, version) }, r.findings
}
