package reconciler

import (
	"slices"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// TestAnothersClaim: what another control plane has taken is left to it, and counts against
// max_disrupted if it disrupts, as nobody knows whether it has begun.
func TestAnothersClaim(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	stop := func(id string) plan.Outcome {
		return plan.Outcome{
			Entry: &plan.Entry{Deployment: id}, Status: plan.Status{ID: id, Name: id, Phase: plan.PhaseServing, Ready: true},
			Actions: []plan.Action{{Deployment: id, Name: id, Kind: plan.StopDatabase, MachineID: "i-" + id, Disruption: plan.Replace}},
		}
	}
	for _, c := range []struct {
		name  string
		claim ledger.Claim
		acts  []string
	}{
		{"another's claim", ledger.Claim{Holder: "other", Until: now.Add(time.Second)}, nil},
		{"another's claim that has ended", ledger.Claim{Holder: "other", Until: now}, []string{"a"}},
		{"its own claim", ledger.Claim{Holder: "me", Until: now.Add(time.Second)}, []string{"a"}},
	} {
		r := &Reconciler{cfg: Config{Holder: "me"}, world: newWorld(), desk: newDesk(), state: ledger.NewState()}
		r.desired.snapshot = specs.NewSnapshot()
		r.desired.snapshot.Limits.MaxDisrupted = 1
		r.desk.active = map[string]plan.Outcome{"a": stop("a"), "b": stop("b")}
		r.state.Claims["a"] = c.claim
		var acts []string
		for _, out := range r.admitted(now) {
			if len(out.Actions) > 0 {
				acts = append(acts, out.Status.ID)
			}
		}
		if slices.Sort(acts); !slices.Equal(acts, c.acts) {
			t.Errorf("%s: something is done to %q, want %q", c.name, acts, c.acts)
		}
	}
}

// TestClaimsGivenBack: who can do nothing before its turn lets others have the work; who
// waits for what it began itself does not.
func TestClaimsGivenBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	held := func(by plan.HeldBy) []plan.Condition {
		return []plan.Condition{{Type: "Held", Status: true, Reason: string(by)}}
	}
	acts := []plan.Action{{Kind: plan.StartMachine}}
	waits := []plan.Wait{{Reason: "something"}}
	mine, others := ledger.Claim{Holder: "me", Until: now.Add(claimFor)}, ledger.Claim{Holder: "other", Until: now.Add(claimFor)}
	for _, c := range []struct {
		name  string
		claim ledger.Claim
		out   plan.Outcome
		kept  bool
	}{
		{"it is done", mine, plan.Outcome{}, false},
		{"it waits for the cloud", mine, plan.Outcome{Waits: waits}, true},
		{"it waits for its turn", mine, plan.Outcome{Waits: waits, Status: plan.Status{Conditions: held(plan.ByLimit)}}, false},
		{"it waits for its turn, and something is under way beside", mine, plan.Outcome{Waits: waits, Pending: true, Status: plan.Status{Conditions: held(plan.ByLimit)}}, true},
		{"a part of it waits for its turn", mine, plan.Outcome{Actions: acts, Waits: waits, Status: plan.Status{Conditions: held(plan.ByLimit)}}, true},
		{"its last try failed", mine, plan.Outcome{Waits: waits, Status: plan.Status{Conditions: held(plan.ByFailure)}}, true},
		{"another has it", others, plan.Outcome{Waits: waits, Status: plan.Status{Conditions: held(plan.ByLimit)}}, true},
	} {
		r := &Reconciler{cfg: Config{Holder: "me"}, desk: newDesk(), state: ledger.NewState(), book: ledger.NewBook()}
		c.out.Status.ID = "a"
		r.state.Claims["a"] = c.claim
		r.stageClaim(c.out, now)
		if _, kept := r.state.Claims["a"]; kept != c.kept {
			t.Errorf("%s: kept: %v, want %v", c.name, kept, c.kept)
		}
	}
}
