package plan_test

import (
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// TestMostDestroyed: of a commit that deletes more deployments than the limit none is
// taken down before a person approved of the commit.
func TestMostDestroyed(t *testing.T) {
	t.Parallel()
	commit := running(deleted).Entry.DeletedIn
	for _, c := range []struct {
		name     string
		deletes  int
		approved map[string]bool
		want     bool // something is done
	}{
		{"as many as the limit", 3, nil, true},
		{"one more", 4, nil, false},
		{"one more, approved", 4, map[string]bool{commit: true}, true},
		{"one more, another commit approved", 4, map[string]bool{"beef": true}, false},
	} {
		outs := plan.Fleet(plan.FleetInput{
			Limits: specs.Limits{MaxDisrupted: 1, MaxDestroyed: 3}, Outcomes: []plan.Outcome{plan.Deployment(running(deleted))},
			Destroyed: map[string]int{commit: c.deletes}, Approved: c.approved,
		})
		if got := len(outs[0].Actions) > 0; got != c.want {
			t.Errorf("%s: %s", c.name, describe(outs[0]))
		}
		if !c.want && !strings.Contains(describe(outs[0]), "INSERT INTO approvals") {
			t.Errorf("%s: it does not say what a person can do: %s", c.name, describe(outs[0]))
		}
	}
}

// TestTurns: no more databases are stopped at one time than the limit says, also where
// the new machines of more are there. What does not serve goes on.
func TestTurns(t *testing.T) {
	t.Parallel()
	stop := func(name string, ready bool) plan.Outcome {
		return plan.Outcome{Status: plan.Status{ID: name, Name: name, Ready: ready, Phase: plan.PhaseReplacing}, Disrupting: true,
			Actions: []plan.Action{{Kind: plan.StopDatabase, Disruption: plan.Replace}}}
	}
	for _, c := range []struct {
		name      string
		outs      []plan.Outcome
		disrupted map[string]bool
		want      string // of whom something is done
	}{
		{"three are ready to move", []plan.Outcome{stop("a", true), stop("b", true), stop("c", true)}, map[string]bool{"a": false, "b": false, "c": false}, "a b"},
		{"somebody is at work on the third", []plan.Outcome{stop("a", true), stop("b", true)}, map[string]bool{"a": false, "b": false, "c": true}, "a"},
		{"two are down", []plan.Outcome{stop("a", true), stop("b", false), stop("c", false)}, map[string]bool{"a": false, "b": true, "c": true}, "b c"},
	} {
		var acts []string
		for _, out := range plan.Fleet(plan.FleetInput{Limits: specs.Limits{MaxDisrupted: 2, MaxDestroyed: 1}, Outcomes: c.outs, Disrupted: c.disrupted}) {
			if len(out.Actions) > 0 {
				acts = append(acts, out.Status.Name)
			}
		}
		if got := strings.Join(acts, " "); got != c.want {
			t.Errorf("%s: something is done to %q, want %q", c.name, got, c.want)
		}
	}
}

// TestAReplacementThatIsNotListedCounts: a machine that is to take over counts against the limit
// from its answer on, also while a listing lacks it; one that was only asked for stops nobody.
func TestAReplacementThatIsNotListedCounts(t *testing.T) {
	t.Parallel()
	for state, counts := range map[plan.SlotState]bool{plan.SlotBound: true, plan.SlotClaimed: false} {
		in := running(moving, func(in *plan.Input) {
			in.Entry.Slots[0].State, in.Machines, in.Gaps.Machines = state, in.Machines[:1], "page 2: timeout"
		})
		if out := plan.Deployment(in); out.Disrupting != counts {
			t.Errorf("a replacement that is %s counts: %t, want %t", state, out.Disrupting, counts)
		}
	}
}
