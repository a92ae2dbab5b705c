package reconciler

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/proposals"
)

// notePlan records what a commit that came into force is about to do to the world,
// beside what its proposal had shown, and says so when the two differ in effect.
// The loop does what it finds right either way: a plan that was shown is a
// promise about one moment, and this is how its breaking is seen.
func (r *Reconciler) notePlan(ctx context.Context, commit string, changes []specs.RowChange, now time.Time) error {
	info, err := r.cfg.Store.Commit(ctx, commit)
	if err != nil {
		return fmt.Errorf("reading the message of commit %s: %w", commit, err)
	}
	number, shown := proposals.ParseMessage(info.Message)
	preview := r.forecast(changes, now)
	if shown == "" && len(preview.Actions) == 0 {
		r.fleet.set(plan.Condition{Type: "PlanDeviates"}) // what was said of the commit before is over
		return nil
	}
	does := preview.Hash()
	text, err := json.Marshal(plainPlan(preview))
	if err != nil {
		return fmt.Errorf("recording the plan of commit %s: %w", commit, err)
	}
	r.book.Set(ledger.Owner{Kind: "plan", ID: commit}, ledger.PlanRecords(commit, does, shown, string(text), now))
	deviation := plan.Condition{Type: "PlanDeviates", Status: true}
	if shown != "" && shown != does && !r.look.last.IsZero() {
		deviation.Reason = "WorldChanged"
		deviation.Message = fmt.Sprintf("commit %s was merged as proposal #%d, which showed plan %s; the world changed since, and plan %s is carried out: %s",
			commit[:min(len(commit), 8)], number, shown, does, sayPlan(preview))
	}
	r.fleet.set(deviation)
	return nil
}

// forecast looks ahead for the deployments that changes touch, in the world as it
// was seen last.
func (r *Reconciler) forecast(changes []specs.RowChange, now time.Time) plan.Preview {
	ids := touched(changes)
	slices.Sort(ids)
	var ins []plan.Input
	for _, id := range slices.Compact(ids) {
		in := r.input(id, now)
		if id == "" || in.Row == nil && in.Entry == nil {
			continue
		}
		for _, m := range in.Machines {
			if _, ok := in.Agents[m.ID]; !ok { // this process has not heard from it yet; others had
				if a, ok := r.state.Agents[m.ID]; ok {
					in.Agents[m.ID] = a
				}
			}
		}
		ins = append(ins, in)
	}
	return plan.ForecastInputs(ins)
}

// A plainStep is an action or a wait of a recorded plan.
type plainStep struct {
	Deployment string `json:"deployment"`
	Kind       string `json:"kind,omitempty"`
	Disruption string `json:"disruption,omitempty"`
	Summary    string `json:"summary"`
}

func plainPlan(p plan.Preview) []plainStep {
	steps := []plainStep{}
	for _, a := range p.Actions {
		steps = append(steps, plainStep{a.Name, string(a.Kind), string(a.Disruption), a.Summary})
	}
	for _, w := range p.Waits {
		steps = append(steps, plainStep{Deployment: w.Name, Summary: "waits: " + w.Reason})
	}
	return steps
}

// sayPlan tells a plan in a line, the first steps of a long one.
func sayPlan(p plan.Preview) string {
	const most = 5
	var parts []string
	for _, s := range plainPlan(p) {
		parts = append(parts, s.Deployment+": "+s.Summary)
	}
	if len(parts) == 0 {
		return "nothing is to be done"
	}
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more", len(parts)-most))
	}
	return strings.Join(parts, ", ")
}
