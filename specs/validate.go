package specs

import (
	"fmt"
	"strings"
)

// Validate returns every fault of every row, ordered by table and key. Its cost
// follows the fleet; ValidateChanged is for a change.
func Validate(s *Snapshot) []Finding {
	var findings []Finding
	for _, key := range sortedKeys(s.faults) {
		findings = append(findings, s.faults[key]...)
	}
	for _, id := range sortedKeys(s.Deployments) {
		findings = append(findings, validateDeployment(s, s.Deployments[id])...)
	}
	for _, id := range sortedKeys(s.orphans) {
		findings = append(findings, validateOrphans(s, id)...)
	}
	for _, version := range sortedKeys(s.Versions) {
		findings = append(findings, validateVersion(s.Versions[version])...)
	}
	findings = append(findings, validateLimits(s.Limits)...)
	return append(findings, validateReviewers(s, nil)...)
}

// ValidateChanged returns the faults of the rows that the changes touched and of
// the rows that depend on them. s is the state after the changes. Its cost
// follows the changes; one that takes a version away looks at every deployment,
// because any may name it.
func ValidateChanged(s *Snapshot, changes []RowChange) []Finding {
	var findings []Finding
	versionGone := false
	for _, c := range changes {
		if faults := s.faults[c.Table+"/"+c.Key]; c.To != nil {
			findings = append(findings, faults...)
		}
		if c.Table == TableVersions {
			_, kept := s.Versions[c.Key]
			versionGone = versionGone || !kept
			if kept {
				findings = append(findings, validateVersion(s.Versions[c.Key])...)
			}
		}
		switch c.Table {
		case TableLimits:
			findings = append(findings, validateLimits(s.Limits)...)
		case TableReviewers:
			if r, kept := s.Reviewers[c.Key]; kept {
				findings = append(findings, validateReviewer(r)...)
			}
		}
	}
	touched := touchedDeployments(s, changes)
	for _, id := range sortedKeys(touched) {
		if d := s.Deployments[id]; d != nil {
			findings = append(findings, validateDeployment(s, d)...)
		}
		findings = append(findings, validateOrphans(s, id)...)
	}
	if versionGone {
		findings = append(findings, usersOfUnknownVersions(s, touched)...)
	}
	if owners := namedOwners(changes); len(owners) > 0 {
		findings = append(findings, validateReviewers(s, owners)...)
	}
	return unique(findings)
}

// touchedDeployments are those whose row or settings changed, and those that
// share a name with one of them.
func touchedDeployments(s *Snapshot, changes []RowChange) map[string]struct{} {
	touched := map[string]struct{}{}
	for _, c := range changes {
		switch c.Table {
		case TableDeployments:
			touched[c.Key] = struct{}{}
			if name, ok := c.To["name"].(string); ok {
				for _, id := range s.names[name] {
					touched[id] = struct{}{}
				}
			}
		case TableSettings:
			id, _ := splitSettingKey(c.Key)
			touched[id] = struct{}{}
		}
	}
	return touched
}

func usersOfUnknownVersions(s *Snapshot, seen map[string]struct{}) []Finding {
	var findings []Finding
	for _, id := range sortedKeys(s.Deployments) {
		if _, done := seen[id]; !done {
			findings = append(findings, checkVersionKnown(s, s.Deployments[id])...)
		}
	}
	return findings
}

// unique drops repeated findings: two changed limits would else tell of each twice.
func unique(findings []Finding) []Finding {
	seen := map[Finding]bool{}
	kept := findings[:0]
	for _, f := range findings {
		if !seen[f] {
			seen[f] = true
			kept = append(kept, f)
		}
	}
	return kept
}

// Errors returns the findings that stop a commit.
func Errors(findings []Finding) []Finding {
	var errors []Finding
	for _, f := range findings {
		if f.Severity == Error {
			errors = append(errors, f)
		}
	}
	return errors
}

// validateOrphans tells of settings that belong to no deployment.
func validateOrphans(s *Snapshot, id string) []Finding {
	var findings []Finding
	for _, name := range sortedKeys(s.orphans[id]) {
		findings = append(findings, Finding{
			Check: "setting-deployment", Severity: Error, Table: TableSettings, Key: KeyOf(id, name), Column: "deployment",
			Message: fmt.Sprintf("there is no deployment with the id %q", id),
			Advice:  "delete the row, or insert the deployment",
		})
	}
	return findings
}

func validateVersion(v Version) []Finding {
	r := rules{table: TableVersions, key: v.Version}
	if _, ok := parseVersion(v.Version); !ok {
		r.fail("version-syntax", "version", fmt.Sprintf("%q is not a release of Dolt", v.Version), "write three numbers such as 2.2.0")
	}
	if v.URL != "" && v.SHA256 == "" {
		r.fail("version-checksum", "sha256", "a version that is downloaded needs its checksum", "set sha256 to the file's SHA-256 in hex")
	}
	if v.SHA256 != "" && !isHex(v.SHA256, 64) {
		r.fail("version-checksum", "sha256", "the checksum is not 64 hex digits", "set sha256 to the file's SHA-256 in lower-case hex")
	}
	return r.findings
}

func isHex(s string, length int) bool {
	return len(s) == length && strings.Trim(s, "0123456789abcdef") == ""
}

func validateLimits(l Limits) []Finding {
	var findings []Finding
	for _, name := range []string{"max_disrupted", "max_destroyed"} {
		r := rules{table: TableLimits, key: name}
		r.between("limit-range", "value", *l.field(name), 0, 1_000_000)
		findings = append(findings, r.findings...)
	}
	return findings
}
