package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// TestEC2Whole takes 30 deployments from rows to databases that serve under names,
// through changes of every kind, and back to nothing.
func TestEC2Whole(t *testing.T) {
	t.Parallel()
	const many = 30
	f := newCloudFleet(t, false)
	resolves := canResolve(t)
	foreign := f.records()
	began := time.Now()
	f.change("INSERT INTO limits VALUES ('max_destroyed', 100), ('max_disrupted', 10); " + insert(many))
	t.Logf("%d deployments serve after %s", many, time.Since(began).Round(100*time.Millisecond))
	first := counts(f.proxy.Requests())

	names := map[string]string{}
	for _, d := range f.status().Deployments {
		names[d.Name] = d.Name
	}
	f.placed(many, foreign)
	if version := f.one(f.open("db-00"), "SELECT dolt_version()"); version != "2.2.0" { // a client that checks the name
		t.Errorf("db-00 runs Dolt %s", version)
	}
	if resolves {
		f.fillAll(slices.Collect(maps.Keys(names)))
	}
	f.changes(names)
	f.placed(many, foreign)
	if resolves {
		f.holdsAll(names)
	}

	f.change("DELETE FROM deployments")
	f.nothing(many, foreign)
	t.Log(tableOf(column{fmt.Sprintf("%d from rows to serving", many), many, first},
		column{"the whole, with connect", many, f.proxy.Requests()}))
}

// insert are rows of some deployments, in two zones, whose volumes are deleted with
// them.
func insert(many int) string {
	var rows []string
	for n := range many {
		rows = append(rows, fmt.Sprintf("('db-%02d', 'eu-west-1%c', 'fleet', 0)", n, 'a'+n%2))
	}
	return "INSERT INTO deployments (name, zone, certificate, retention_days) VALUES " + strings.Join(rows, ", ")
}

// changes changes what can be changed of some, and of names as it does so.
func (f *cloudFleet) changes(names map[string]string) {
	f.t.Helper()
	before := f.status()
	f.change(`UPDATE deployments SET instance_type = 't3.large' WHERE name IN ('db-00', 'db-01');
		UPDATE deployments SET volume_gb = 20 WHERE name = 'db-02'; UPDATE deployments SET name = 'renamed' WHERE name = 'db-03';
		UPDATE deployments SET running = false WHERE name = 'db-04'`)
	delete(names, "db-03")
	names["renamed"] = "db-03"
	after := f.status()
	for _, d := range before.Deployments {
		now, ok := after.Only(d.ID)
		if !ok {
			f.t.Fatalf("%s is gone", d.Name)
		}
		got := now.Deployments[0]
		replaced := d.Name == "db-00" || d.Name == "db-01"
		if got.VolumeID != d.VolumeID || got.Name != "db-04" && (got.MachineID != d.MachineID) != replaced {
			f.t.Errorf("%s was %s and is %s", d.Name, describe(d), describe(got))
		}
		if d.Name == "db-02" {
			if gb := aws.ToInt32(f.volumes()[d.VolumeID].Size); gb != 20 {
				f.t.Errorf("the volume of db-02 has %d GiB, want 20", gb)
			}
		}
	}
	stopped, _ := after.Only("db-04")
	if d := stopped.Deployments[0]; d.Phase != "stopped" || len(f.running()) != len(before.Deployments)-1 || f.records()["db-04."+domain+" A"] != "" {
		f.t.Errorf("a deployment that should not run does: %s", describe(d))
	}
	f.change("UPDATE deployments SET running = true WHERE name = 'db-04'")
}

// placed checks that each deployment has one machine, one volume on it, and the
// records of both names; and that nobody else's records changed.
func (f *cloudFleet) placed(many int, foreign map[string]string) {
	f.t.Helper()
	want, volumes := maps.Clone(foreign), f.volumes()
	hosts := map[string]string{}
	for _, i := range f.instances() {
		hosts[aws.ToString(i.InstanceId)] = strings.Replace(aws.ToString(i.PrivateIpAddress), "172.", "127.", 1)
	}
	s, passwords := f.converged(), f.passwords()
	for _, d := range s.Deployments {
		if !passwords[d.ID] {
			f.t.Errorf("the password of %s is not in Secrets Manager", d.Name)
		}
		if host := d.Name + "." + domain; d.Host != host || d.Port != 3306 {
			f.t.Errorf("%s is at %s:%d, want %s", d.Name, d.Host, d.Port, host)
		}
		if v := volumes[d.VolumeID]; len(v.Attachments) != 1 || aws.ToString(v.Attachments[0].InstanceId) != d.MachineID {
			f.t.Errorf("the volume of %s is not on its machine: %s, %+v", d.Name, describe(d), v.Attachments)
		}
		for _, name := range []string{d.Name, d.MachineID} {
			want[name+"."+domain+" A"] = hosts[d.MachineID]
			want["_mainstay."+name+"."+domain+" TXT"] = fmt.Sprintf(`"mainstay fleet=%s deployment=%s records=A"`, f.tag, d.ID)
		}
	}
	if len(s.Deployments) != many || len(f.running()) != many || len(volumes) != many {
		f.t.Errorf("%d deployments, %d machines and %d volumes, want %d of each", len(s.Deployments), len(f.running()), len(volumes), many)
	}
	if got := f.records(); !maps.Equal(got, want) {
		f.t.Errorf("the zone has %v\nwant %v", got, want)
	}
}

// nothing checks that nothing is left but snapshots and what is not ours.
func (f *cloudFleet) nothing(many int, foreign map[string]string) {
	f.t.Helper()
	f.within("nothing is left", func() bool { return len(f.running()) == 0 && len(f.volumes()) == 0 })
	f.wait("nothing is on record", func(s view.Status) bool { return len(s.Deployments) == 0 && s.Converged })
	if got := f.records(); !maps.Equal(got, foreign) {
		f.t.Errorf("the zone has %v\nwant %v", got, foreign)
	}
	out, err := f.ec2.DescribeSnapshots(f.t.Context(), &ec2.DescribeSnapshotsInput{Filters: f.ours()})
	if err != nil {
		f.t.Fatal(err)
	}
	if len(out.Snapshots) != many {
		f.t.Errorf("%d snapshots of the deleted volumes, want %d", len(out.Snapshots), many)
	}
}
