package local

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// Three control planes that do as they please with the same machines and volumes
// never bring the cloud into a state that should not be.
func TestControlPlanesAtOddsDoNoHarm(t *testing.T) {
	t.Parallel()
	c := testCloud(t)
	var group sync.WaitGroup
	for seed := range uint64(3) {
		own := open(t, c.opts)
		group.Go(func() { meddle(t, own, rand.New(rand.NewPCG(seed, 1))) })
	}
	group.Wait()
	inv := c.Observe(t.Context())
	if inv.Gaps != (plan.Gaps{}) {
		t.Fatalf("gaps: %+v", inv.Gaps)
	}
	attached := make(map[string]string) // machine to volume
	for _, v := range inv.Volumes {
		if other := attached[v.AttachedTo]; v.AttachedTo != "" && other != "" {
			t.Errorf("machine %s has volumes %s and %s", v.AttachedTo, v.ID, other)
		}
		attached[v.AttachedTo] = v.ID
	}
	for _, m := range inv.Machines {
		checkMachine(t, c, m, attached[m.ID])
	}
}

// meddle does some forty things at random.
func meddle(t *testing.T, c *Cloud, r *rand.Rand) {
	ctx := t.Context()
	machines := []string{machineID("d-1", 0), machineID("d-2", 0), machineID("d-3", 0)}
	volumes := []string{volumeID(plan.SlotID{Deployment: "d", Generation: 1}), volumeID(plan.SlotID{Deployment: "d", Generation: 2})}
	for range 40 {
		m, v := machines[r.IntN(len(machines))], volumes[r.IntN(len(volumes))]
		var err error
		switch r.IntN(8) {
		case 0, 1:
			_, err = c.Launch(ctx, []plan.Action{launchAction("d", 1+r.Int64N(3), 0)})
		case 2:
			err = c.StartMachine(ctx, m)
		case 3:
			err = c.TerminateMachine(ctx, m)
		case 4:
			err = c.AttachVolume(ctx, v, m)
		case 5:
			err = c.DetachVolume(ctx, v, m)
		case 6:
			err = c.DeleteVolume(ctx, v)
		default:
			if gaps := c.Observe(ctx).Gaps; gaps != (plan.Gaps{}) {
				t.Errorf("gaps while others work: %+v", gaps)
			}
		}
		if err != nil && !errors.Is(err, errUnknown) && !errors.Is(err, reconciler.ErrConflict) {
			t.Errorf("neither unknown nor a conflict: %v", err)
		}
	}
}

// checkMachine compares what is listed with what is there.
func checkMachine(t *testing.T, c *Cloud, m plan.Machine, volume string) {
	t.Helper()
	pids, err := holders(agentProgram, c.dir.machine(m.ID))
	if err != nil {
		t.Fatal(err)
	}
	if m.State == plan.MachineTerminated && (len(pids) > 0 || volume != "") {
		t.Errorf("machine %s is terminated and has processes %v and volume %q", m.ID, pids, volume)
	}
	if len(pids) > 2 {
		t.Errorf("machine %s has processes %v, want one supervisor and one agent", m.ID, pids)
	}
	link, err := os.Readlink(filepath.Join(c.dir.machine(m.ID), volumeLink))
	if err != nil {
		link = ""
	}
	if link != "" && filepath.Base(link) != volume || link == "" && volume != "" {
		t.Errorf("machine %s is linked to %q and has %q attached", m.ID, link, volume)
	}
}
