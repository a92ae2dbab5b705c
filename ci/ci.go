// Package ci checks changes of the desired state before they are in force.
//
// Check promises every finding about the rows that a change touches: the rules
// that hold for any state (package specs) and those that hold between two states,
// such as that a volume never shrinks and that a protected row is not deleted. It
// is pure, changes nothing that it is given, and its cost follows the change.
//
// Check and Missing are what holds for every commit of main, however it came
// there. Judge is the review of a proposal before it is merged: it also looks at the
// size of the change, at the history of the columns, at the team's own checks and
// at which warnings were accepted.
//
// It does not look at the world, and it does not decide what is done about the
// findings: an error stops a commit, whoever asks.
package ci

import (
	"fmt"

	"github.com/mainstaydb/mainstay/specs"
)

// Check judges the changes on top of base, ordered by table and key within each kind of rule.
func Check(base *specs.Snapshot, changes []specs.RowChange) []specs.Finding {
	after := base.Overlay(changes)
	findings := append(altered(base, changes), after.Apply(changes)...)
	if len(findings) == 0 {
		findings = specs.ValidateChanged(after, changes)
	}
	for _, c := range changes {
		if c.Table == specs.TableDeployments {
			findings = append(findings, transition(base, after, c)...)
		}
	}
	return findings
}

// altered refuses other definitions of the fleet's tables: the programs that read
// them know one.
func altered(base *specs.Snapshot, changes []specs.RowChange) []specs.Finding {
	var findings []specs.Finding
	for _, name := range specs.Altered(base, changes) {
		findings = append(findings, specs.Finding{
			Check: "schema", Severity: specs.Error, Table: name, Message: "the table is altered or dropped, and Mainstay could not read it any more",
			Advice: "take the change of the table back; columns of your own belong into a table of your own",
		})
	}
	return findings
}

// transition judges one row against what it was. The base is asked and not the
// change's From, because a chain of commits can arrive as one change.
func transition(base, after *specs.Snapshot, c specs.RowChange) []specs.Finding {
	was := base.Deployments[c.Key]
	if was == nil {
		return nil
	}
	if c.To == nil {
		return deleted(was, after)
	}
	now := after.Deployments[c.Key]
	if now == nil || now == was {
		return nil // it could not be read, and a finding says so
	}
	var findings []specs.Finding
	for _, rule := range []func(was, now *specs.Deployment) *specs.Finding{volumeShrink, zoneChange, storageDowngrade} {
		if f := rule(was, now); f != nil {
			findings = append(findings, *f)
		}
	}
	return findings
}

func finding(d *specs.Deployment, check, column, message, advice string) *specs.Finding {
	return &specs.Finding{
		Check: check, Severity: specs.Error, Table: specs.TableDeployments, Key: d.Name, Column: column, Message: message, Advice: advice,
	}
}

// deleted refuses the end of a protected row. The protection asked is the base's:
// a change cannot take it away and delete in one go.
func deleted(was *specs.Deployment, after *specs.Snapshot) []specs.Finding {
	if !was.Protected {
		return nil
	}
	message := fmt.Sprintf("the deployment %s is protected and cannot be deleted", was.Name)
	if again := after.ByName(was.Name); again != nil && again.ID != was.ID {
		message = fmt.Sprintf("the deployment %s is protected, and giving its row another id deletes it", was.Name)
	}
	return []specs.Finding{*finding(was, "protected", "protected", message,
		"first merge a change that sets protected to false, then delete the row")}
}

func volumeShrink(was, now *specs.Deployment) *specs.Finding {
	if now.VolumeGB >= was.VolumeGB {
		return nil
	}
	return finding(now, "volume-shrink", "volume_gb",
		fmt.Sprintf("a volume cannot shrink, and this one has %d GiB", was.VolumeGB),
		fmt.Sprintf("set volume_gb to %d or more, or copy the data to a new deployment with a smaller volume", was.VolumeGB))
}

func zoneChange(was, now *specs.Deployment) *specs.Finding {
	if now.Zone == was.Zone {
		return nil
	}
	return finding(now, "zone-change", "zone",
		fmt.Sprintf("a volume cannot leave its zone, which is %s", was.Zone),
		fmt.Sprintf("set zone back to %s, or make a new deployment in %s and copy the data", was.Zone, now.Zone))
}

// storageDowngrade refuses a release that cannot read the data that the present
// one wrote. Within one storage format an older release is allowed.
func storageDowngrade(was, now *specs.Deployment) *specs.Finding {
	before, ok := specs.StorageFormat(was.DoltVersion)
	after, known := specs.StorageFormat(now.DoltVersion)
	if !ok || !known || after >= before {
		return nil
	}
	return finding(now, "storage-downgrade", "dolt_version",
		fmt.Sprintf("Dolt %s cannot read what Dolt %s wrote: the storage format is older", now.DoltVersion, was.DoltVersion),
		fmt.Sprintf("choose a version that begins with %d, or copy the data to a new deployment", before))
}
