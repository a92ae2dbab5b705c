package reconciler_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// TestTurnsAreGivenBack: two control planes have one deployment each in hand when both
// are to be replaced, and one may be disrupted at a time. Neither waits for the other to
// be done with what it has not begun, whenever the change comes.
func TestTurnsAreGivenBack(t *testing.T) {
	for at := time.Duration(0); at < 2*time.Minute; at += 5 * time.Second {
		t.Run(fmt.Sprintf("change after %s", at), func(t *testing.T) {
			simulate(t, 1, func(s *simulation) {
				one := s.plane("one")
				s.put(1, nil)
				s.eventually("it is in one's hands", func() bool { return s.state().Claims[rowID(1)].Holder == "one" })
				one.loseHub(true, 0)
				s.plane("two")
				s.put(2, nil)
				s.eventually("the other is in two's hands", func() bool { return s.state().Claims[rowID(2)].Holder == "two" })
				one.loseHub(false, 0)
				time.Sleep(at)
				began := time.Now()
				s.change("larger", func(d *specs.Snapshot) {
					d.Limits.MaxDisrupted = 1
					for _, row := range d.Deployments {
						row = row.Clone()
						row.InstanceType = "t3.large"
						d.PutDeployment(row)
					}
				})
				s.neverAllHeld()
				t.Logf("converged %s after the change", time.Since(began))
			})
		})
	}
}

// neverAllHeld lives on until the fleet has converged, in which somebody always has a
// turn. For two looks at the hub it may seem otherwise: one for each control plane to
// hear of what the other gave back.
func (s *simulation) neverAllHeld() {
	s.Helper()
	const long = 2 * (15*time.Second + time.Second)
	since := time.Now()
	s.eventually("it has converged", func() bool {
		heads, _ := s.hub.Fetch(s.Context())
		state := s.state()
		held := 0
		for _, c := range state.Conditions {
			if c.Status && c.Type == "Held" && c.Reason == string(plan.ByLimit) {
				held++
			}
		}
		if held < len(state.Deployments) {
			since = time.Now()
		}
		if time.Since(since) > long {
			s.Fatalf("for %s everybody waits for their turn:%s", time.Since(since), reasons(state))
		}
		return state.Converged(heads.Main)
	})
	s.converged()
}
