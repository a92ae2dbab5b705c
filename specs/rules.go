package specs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The rules repeat the CHECKs of the schema, because a push to the hub runs no
// CHECK, and add those that need more than one row or a sentence of reason.

var (
	dnsLabel     = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	zoneName     = regexp.MustCompile(`^(local|[a-z]{2}(-[a-z]+)+-[0-9]+[a-z])$`)
	instanceType = regexp.MustCompile(`^[a-z][a-z0-9-]*\.[a-z0-9-]+$`)
	uuid         = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// LocalZone is the only zone of the local cloud.
const LocalZone = "local"

// rules collects the findings about one row.
type rules struct {
	table, key string
	findings   []Finding
}

func (r *rules) fail(check, column, message, advice string) {
	r.findings = append(r.findings, Finding{
		Check: check, Severity: Error, Table: r.table, Key: r.key, Column: column, Message: message, Advice: advice,
	})
}

func (r *rules) remark(severity Severity, check, column, message, advice string) {
	r.fail(check, column, message, advice)
	r.findings[len(r.findings)-1].Severity = severity
}

func (r *rules) between(check, column string, value, low, high int) {
	if value < low || value > high {
		r.fail(check, column, fmt.Sprintf("%d is out of range", value), fmt.Sprintf("use %d to %d", low, high))
	}
}

func (r *rules) matches(check, column, value string, syntax *regexp.Regexp, advice string) {
	if !syntax.MatchString(value) {
		r.fail(check, column, fmt.Sprintf("%q is not a valid %s", value, strings.ReplaceAll(column, "_", " ")), advice)
	}
}

func validateDeployment(s *Snapshot, d *Deployment) []Finding {
	r := &rules{table: TableDeployments, key: s.NameOf(d.ID)}
	r.matches("id-syntax", "id", d.ID, uuid, "leave id out of the INSERT: the database generates it")
	r.matches("name-syntax", "name", d.Name, dnsLabel,
		"use 1 to 63 lower-case letters, digits and hyphens, beginning with a letter and not ending in a hyphen")
	checkNameUnique(s, r, d)
	r.matches("zone-syntax", "zone", d.Zone, zoneName, "use local, or an availability zone such as us-west-2a")
	checkInstanceType(r, d)
	checkVolume(r, d)
	checkStandbys(r, d)
	checkCertificate(r, d)
	r.between("retention-range", "retention_days", d.RetentionDays, 0, 3650)
	findings := append(r.findings, checkVersionKnown(s, d)...)
	return append(findings, validateSettings(s, d)...)
}

func checkNameUnique(s *Snapshot, r *rules, d *Deployment) {
	for _, other := range s.names[d.Name] {
		if other != d.ID {
			r.fail("name-unique", "name", fmt.Sprintf("the deployments %s and %s have the same name", d.ID, other), "rename one of them")
			return
		}
	}
}

func checkStandbys(r *rules, d *Deployment) {
	switch {
	case d.Standbys < 0 || d.Standbys > 5:
		r.between("standbys-range", "standbys", d.Standbys, 0, 5)
	case d.Standbys > 0:
		r.fail("standbys", "standbys", "standbys are not built yet", "set standbys to 0")
	}
}

func checkCertificate(r *rules, d *Deployment) {
	switch {
	case d.Certificate != "fleet" && d.Certificate != "acme":
		r.fail("certificate", "certificate", fmt.Sprintf("%q is not a kind of certificate", d.Certificate), "use fleet or acme")
	case d.Certificate == "acme" && d.Zone == LocalZone:
		r.fail("certificate", "certificate",
			"acme needs a public DNS name, and a deployment in the zone local has none", "set certificate to fleet")
	}
}

func checkVersionKnown(s *Snapshot, d *Deployment) []Finding {
	if _, ok := s.Versions[d.DoltVersion]; ok {
		return nil
	}
	r := rules{table: TableDeployments, key: s.NameOf(d.ID)}
	advice := "insert the version into the table versions first"
	if known := sortedKeys(s.Versions); len(known) > 0 {
		advice += ", or use one of " + strings.Join(known, ", ")
	}
	r.fail("version-known", "dolt_version", fmt.Sprintf("the fleet does not know Dolt %q", d.DoltVersion), advice)
	return r.findings
}

// A volumeKind is what a kind of EBS disk can be. The zero ranges mean that the
// number cannot be chosen.
type volumeKind struct {
	minGB, maxGB           int
	minIOPS, maxIOPS       int
	minMiBps, maxMiBps     int
	iopsRequired, iopsOpen bool // iopsOpen: may be provisioned
}

// As EBS documents its volume types.
var volumeKinds = map[string]volumeKind{
	"gp2":      {minGB: 1, maxGB: 16384},
	"gp3":      {minGB: 1, maxGB: 65536, minIOPS: 3000, maxIOPS: 80000, minMiBps: 125, maxMiBps: 2000, iopsOpen: true},
	"io1":      {minGB: 4, maxGB: 16384, minIOPS: 100, maxIOPS: 64000, iopsRequired: true, iopsOpen: true},
	"io2":      {minGB: 4, maxGB: 65536, minIOPS: 100, maxIOPS: 256000, iopsRequired: true, iopsOpen: true},
	"st1":      {minGB: 125, maxGB: 16384},
	"sc1":      {minGB: 125, maxGB: 16384},
	"standard": {minGB: 1, maxGB: 1024},
}

func checkVolume(r *rules, d *Deployment) {
	kind, ok := volumeKinds[d.VolumeType]
	if !ok {
		known := sortedKeys(volumeKinds)
		r.fail("volume-type", "volume_type", fmt.Sprintf("%q is not a kind of disk", d.VolumeType), "use one of "+strings.Join(known, ", "))
		return
	}
	r.between("volume-size", "volume_gb", d.VolumeGB, kind.minGB, kind.maxGB)
	checkIOPS(r, d, kind)
	switch {
	case d.VolumeMiBps == 0:
	case kind.maxMiBps == 0:
		r.fail("volume-throughput", "volume_mibps", "the throughput of "+d.VolumeType+" cannot be chosen", "set volume_mibps to 0, or volume_type to gp3")
	default:
		r.between("volume-throughput", "volume_mibps", d.VolumeMiBps, kind.minMiBps, kind.maxMiBps)
	}
}

func checkIOPS(r *rules, d *Deployment, kind volumeKind) {
	switch {
	case d.VolumeIOPS == 0 && kind.iopsRequired:
		r.fail("volume-iops", "volume_iops", d.VolumeType+" needs a number of operations a second", fmt.Sprintf("set volume_iops to %d or more", kind.minIOPS))
	case d.VolumeIOPS == 0:
	case !kind.iopsOpen:
		r.fail("volume-iops", "volume_iops", "the operations a second of "+d.VolumeType+" cannot be chosen", "set volume_iops to 0, or volume_type to gp3, io1 or io2")
	default:
		r.between("volume-iops", "volume_iops", d.VolumeIOPS, kind.minIOPS, kind.maxIOPS)
	}
}

// Nearest gives the known word with the fewest edits from word, or "" when none is near.
func Nearest(word string, known []string) string {
	best, distance := "", len(word)/2+1
	for _, k := range known {
		if d := edits(word, k); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			row[j+1] = slices.Min([]int{change, above + 1, row[j] + 1})
			diagonal = above
		}
	}
	return row[len(b)]
}
