package sim_test

import (
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/porttest"
	"github.com/mainstaydb/mainstay/reconciler/sim"
)

func TestWorldIsACloud(t *testing.T) {
	t.Parallel()
	porttest.Run(t, func(t *testing.T) porttest.Harness {
		w := sim.New("a world")
		return porttest.Harness{
			Open:           func(*testing.T) reconciler.Cloud { return w },
			Shape:          plan.Shape{Zone: "sim", InstanceType: "t3.small"},
			Volume:         plan.VolumeSpec{Type: "gp3", GB: 10},
			Patience:       time.Second,
			Halt:           func(_ *testing.T, machine string) { w.Stop(machine) },
			UnknownMachine: "i-none", UnknownVolume: "vol-none",
			Occupy: func(t *testing.T, volume string) func() {
				var machine string
				for _, v := range w.Volumes() {
					if v.ID == volume {
						machine = v.AttachedTo
					}
				}
				agents := w.Agents()
				if err := agents.Deploy(t.Context(), machine, plan.Order{Generation: 1}); err != nil {
					t.Fatal(err)
				}
				return func() {
					if err := agents.Stop(t.Context(), machine, 1); err != nil {
						t.Fatal(err)
					}
				}
			},
		}
	})
}
