// Package adopt makes rows of the desired state of machines on EC2 that people run
// by hand and want to hand over.
//
// It promises that a row goes nowhere before its volume is the fleet's and listed as
// that: otherwise a control plane that sees the row would make an empty volume for
// it. What cannot be taken over is told with all that it lacks, and left as it is.
//
// It moves no data, stops nothing and detaches nothing: that is for people, when it
// suits them.
package adopt

import (
	"fmt"
	"strconv"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/specs"
)

// A State is how far the adoption of a machine has come.
type State string

// The states of an adoption.
const (
	Lacking  State = "lacking"  // something has to be mended first: see Lacks
	Ready    State = "ready"    // to be proposed
	Proposed State = "proposed" // its row is on the branch
	Known    State = "known"    // its row is somewhere else already
)

// A Machine is a machine that people run, with the row that would take it over.
type Machine struct {
	Name         string   `json:"name"`
	State        State    `json:"state"`
	Deployment   string   `json:"deployment"` // id of the row
	MachineID    string   `json:"machine_id"`
	Zone         string   `json:"zone"`
	InstanceType string   `json:"instance_type"`
	DoltVersion  string   `json:"dolt_version"`
	VolumeID     string   `json:"volume_id"`
	VolumeType   string   `json:"volume_type"`
	VolumeGB     int      `json:"volume_gb"`
	VolumeIOPS   int      `json:"volume_iops"`
	VolumeMiBps  int      `json:"volume_mibps"`
	Lacks        []string `json:"lacks"` // what keeps it from being taken over
	Notes        []string `json:"notes"` // what people should know before they go on
}

// Machines are the candidates as machines to adopt. A volume that is the fleet's
// already keeps the id that it carries: an import that was cut short goes on.
func Machines(found []ec2.Candidate, newID func() string) []Machine {
	machines := make([]Machine, 0, len(found))
	for _, c := range found {
		m := Machine{
			Name: c.Name, State: Ready, Deployment: c.Deployment, MachineID: c.MachineID, Zone: c.Zone, InstanceType: c.InstanceType,
			DoltVersion: c.DoltVersion, VolumeID: c.VolumeID, VolumeType: c.VolumeType, VolumeGB: c.GB, VolumeIOPS: c.IOPS, VolumeMiBps: c.MiBps,
			Lacks: []string{}, Notes: notes(c),
		}
		if m.Deployment == "" {
			m.Deployment = newID()
		}
		m.lack(c.Problem)
		if c.DoltVersion == "" {
			m.lack("it does not say which Dolt it runs; put the tag mainstay:dolt-version on it, such as 2.2.0")
		}
		machines = append(machines, m)
	}
	return machines
}

func (m *Machine) lack(what string) {
	if what != "" {
		m.State, m.Lacks = Lacking, append(m.Lacks, what)
	}
}

// notes are what could cost data or time later, or surprise.
func notes(c ec2.Candidate) []string {
	found := []string{}
	if c.VolumeID != "" && !c.Encrypted {
		found = append(found, fmt.Sprintf("volume %s is not encrypted and stays so; those that the fleet makes are", c.VolumeID))
	}
	if c.Perishable {
		found = append(found, fmt.Sprintf("EC2 would delete volume %s with machine %s: detach it before you terminate that, or first run: aws ec2 "+
			"modify-instance-attribute --instance-id %[2]s --block-device-mappings '[{\"DeviceName\":\"%[3]s\",\"Ebs\":{\"DeleteOnTermination\":false}}]'",
			c.VolumeID, c.MachineID, c.Device))
	}
	return found
}

// Row is the row that takes the machine over.
func (m Machine) Row() specs.Row {
	iops, throughput := m.performance()
	return specs.Row{
		"id": m.Deployment, "name": m.Name, "owner": "", "zone": m.Zone, "instance_type": m.InstanceType,
		"volume_type": m.VolumeType, "volume_gb": strconv.Itoa(m.VolumeGB), "volume_iops": strconv.Itoa(iops), "volume_mibps": strconv.Itoa(throughput),
		"dolt_version": m.DoltVersion, "standbys": "0", "certificate": "fleet", "running": "1", "protected": "0", "retention_days": "7",
	}
}

// performance is what a row may say of a volume's: EC2 tells numbers of all kinds,
// and lets people choose them for some.
func (m Machine) performance() (iops, throughput int) {
	switch m.VolumeType {
	case "gp3":
		return m.VolumeIOPS, m.VolumeMiBps
	case "io1", "io2":
		return m.VolumeIOPS, 0
	}
	return 0, 0
}

// Changes are the rows of the machines that lack nothing and have none yet.
func Changes(machines []Machine) []specs.RowChange {
	var changes []specs.RowChange
	for _, m := range machines {
		if m.State == Ready {
			changes = append(changes, specs.RowChange{Table: specs.TableDeployments, Key: m.Deployment, To: m.Row()})
		}
	}
	return changes
}

// Find tells which of the machines that are ready have a row in a snapshot already.
func Find(in *specs.Snapshot, machines []Machine, state State, where string) {
	for i := range machines {
		m := &machines[i]
		row := in.Deployments[m.Deployment]
		if m.State != Ready || row == nil {
			continue
		}
		note := fmt.Sprintf("it has a row on %s", where)
		if row.Name != m.Name {
			note += ", called " + row.Name
		}
		m.State, m.Notes = state, append(m.Notes, note)
	}
}

// Judge tells what the checks of the fleet would say of the rows that are to come.
func Judge(base *specs.Snapshot, machines []Machine) {
	findings := ci.Check(base, Changes(machines))
	for i := range machines {
		if m := &machines[i]; m.State == Ready {
			m.take(findings)
		}
	}
}

func (m *Machine) take(findings []specs.Finding) {
	for _, f := range findings {
		if f.Table != specs.TableDeployments || f.Key != m.Name && f.Key != m.Deployment {
			continue
		}
		said := fmt.Sprintf("%s: %s", f.Column, f.Message)
		if f.Advice != "" {
			said += "; " + f.Advice
		}
		if f.Severity == specs.Error {
			m.lack(said)
		} else {
			m.Notes = append(m.Notes, said)
		}
	}
}
