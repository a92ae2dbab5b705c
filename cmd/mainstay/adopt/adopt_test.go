package adopt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

const (
	known   = "00000000-0000-0000-0000-000000000001" // has a row
	claimed = "00000000-0000-0000-0000-000000000002" // is on a volume, without a row
)

// orders is a candidate that lacks nothing.
func orders(change ...func(*ec2.Candidate)) ec2.Candidate {
	c := ec2.Candidate{Name: "orders", MachineID: "i-0a", Zone: "eu-west-1a", InstanceType: "m7g.large", DoltVersion: "2.2.0",
		VolumeID: "vol-0a", VolumeType: "gp3", GB: 100, IOPS: 3000, MiBps: 125, Device: "/dev/sdg", Encrypted: true}
	for _, f := range change {
		f(&c)
	}
	return c
}

// ids gives new ids that can be told apart.
func ids() func() string {
	n := 9
	return func() string {
		n++
		return fmt.Sprintf("00000000-0000-0000-0000-0000000000%d", n)
	}
}

func base() *specs.Snapshot {
	s := specs.NewSnapshot()
	s.Versions["1.86.4"], s.Versions["2.2.0"] = specs.Version{Version: "1.86.4"}, specs.Version{Version: "2.2.0"}
	s.PutDeployment(&specs.Deployment{ID: known, Name: "catalog"})
	return s
}

func TestMachines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in    []ec2.Candidate
		state State
		says  []string // of the first
	}{
		"as it should be": {[]ec2.Candidate{orders()}, Ready, nil},
		"no DNS label":    {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.Name = "Orders DB" })}, Lacking, []string{`"Orders DB"`, "lower-case letters"}},
		"no version":      {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.DoltVersion = "" })}, Lacking, []string{"mainstay:dolt-version"}},
		"unknown version": {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.DoltVersion = "1.50.0" })}, Lacking, []string{"1.50.0", "1.86.4, 2.2.0"}},
		"no volume": {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.VolumeID, c.Problem = "", "its data is on the volume of its system" })},
			Lacking, []string{"volume of its system"}},
		"two volumes": {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.VolumeID, c.Problem = "", "it has 2 data volumes" })},
			Lacking, []string{"2 data volumes"}},
		"a name that is taken": {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.Name = "catalog" })}, Lacking, []string{"same name"}},
		"one name for two": {[]ec2.Candidate{orders(), orders(func(c *ec2.Candidate) { c.MachineID, c.VolumeID = "i-0b", "vol-0b" })},
			Lacking, []string{"same name"}},
		"a row already":     {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.Deployment = known })}, Known, []string{"called catalog"}},
		"claimed, no row":   {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.Deployment = claimed })}, Ready, nil},
		"deleted with it":   {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.Perishable = true })}, Ready, []string{"delete volume vol-0a with machine i-0a", "/dev/sdg"}},
		"in clear":          {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.Encrypted = false })}, Ready, []string{"not encrypted"}},
		"an odd type":       {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.InstanceType = "quantum.large" })}, Ready, []string{"family"}},
		"gp2":               {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.VolumeType, c.IOPS, c.MiBps = "gp2", 300, 0 })}, Ready, nil},
		"io2":               {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.VolumeType, c.IOPS, c.MiBps = "io2", 5000, 500 })}, Ready, nil},
		"a kind without us": {[]ec2.Candidate{orders(func(c *ec2.Candidate) { c.VolumeType = "gp9" })}, Lacking, []string{"gp9"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			machines := Machines(c.in, ids())
			Find(base(), machines, Known, "main")
			Judge(base(), machines)
			m := machines[0]
			if m.State != c.state || (m.State == Lacking) != (len(m.Lacks) > 0) {
				t.Errorf("it is %s and lacks %q, want %s", m.State, m.Lacks, c.state)
			}
			said := strings.Join(slices.Concat(m.Lacks, m.Notes), "\n")
			for _, want := range c.says {
				if !strings.Contains(said, want) {
					t.Errorf("said %q, want %q in it", said, want)
				}
			}
			if len(c.says) == 0 && said != "" {
				t.Errorf("said %q of nothing", said)
			}
		})
	}
}

// TestRow: the row is whole, and has what the machine has.
func TestRow(t *testing.T) {
	t.Parallel()
	machines := Machines([]ec2.Candidate{orders(func(c *ec2.Candidate) { c.Deployment = claimed })}, ids())
	d, findings := specs.DecodeDeployment(func(column string) (any, bool) { v, ok := machines[0].Row()[column]; return v, ok })
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	want := specs.Deployment{ID: claimed, Name: "orders", Zone: "eu-west-1a", InstanceType: "m7g.large", VolumeType: "gp3", VolumeGB: 100,
		VolumeIOPS: 3000, VolumeMiBps: 125, DoltVersion: "2.2.0", Certificate: "fleet", Running: true, RetentionDays: 7}
	if fmt.Sprintf("%+v", *d) != fmt.Sprintf("%+v", want) {
		t.Errorf("the row is\n%+v, want\n%+v", *d, want)
	}
}

// A cloud whose listing shows what was adopted after so many looks.
type cloud struct {
	lag     int
	refuse  error
	gap     string
	adopted []plan.Volume
	looks   int
}

func (c *cloud) Adopt(_ context.Context, volume, deployment string) error {
	if c.refuse == nil {
		c.adopted = append(c.adopted, plan.Volume{ID: volume, Deployment: deployment})
	}
	return c.refuse
}

func (c *cloud) Observe(context.Context) plan.Inventory {
	if c.looks++; c.looks <= c.lag {
		return plan.Inventory{Volumes: []plan.Volume{{ID: "vol-0a"}}} // listed, its tags not yet
	}
	return plan.Inventory{Volumes: c.adopted, Gaps: plan.Gaps{Volumes: c.gap}}
}

// TestClaim: no row may be seen before its volume is listed.
func TestClaim(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cloud cloud
		fails string
		looks int
	}{
		"at once":        {cloud{}, "", 1},
		"later":          {cloud{lag: 3}, "", 4},
		"never":          {cloud{lag: 1000}, "vol-0a", 41},
		"not seen whole": {cloud{gap: "page 2: denied"}, "page 2: denied", 41},
		"not allowed":    {cloud{refuse: errors.New("denied")}, "no row was proposed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				machines := append(Machines([]ec2.Candidate{orders()}, ids()), Machine{State: Lacking, VolumeID: "vol-0b"}, Machine{State: Known, VolumeID: "vol-0c"})
				err := Claim(t.Context(), &c.cloud, machines)
				if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
					t.Errorf("got %v, want %q", err, c.fails)
				}
				if diff := c.cloud.looks - c.looks; diff > 1 || diff < -1 || time.Since(began) > listedWithin+lookEvery {
					t.Errorf("%d looks in %s, want %d", c.cloud.looks, time.Since(began), c.looks)
				}
				if len(c.cloud.adopted) > 1 {
					t.Errorf("adopted %+v", c.cloud.adopted)
				}
			})
		})
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	machines := Machines([]ec2.Candidate{orders(), orders(func(c *ec2.Candidate) {
		c.Name, c.MachineID, c.VolumeID, c.Problem = "", "i-0b", "", "it has no \x1b[2J volume"
	})}, ids())
	var b bytes.Buffer
	if err := Write(&b, render.Style{}, machines); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"orders  ready", "100 GiB gp3", "! i-0b: it has no"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("a tag's value reaches the terminal as it is")
	}
	if text := Next("7", "eu-west-1", In(machines, Ready)); !strings.Contains(text, "mainstay pr merge 7") || !strings.Contains(text, "vol-0a") || strings.Contains(text, "VOLUME-ID") {
		t.Errorf("said\n%s", text)
	}
}
