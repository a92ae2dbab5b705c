package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// What is there to be launched goes to databases that have lost their machine, and
// only then to new ones, whatever their ids.
func TestDatabasesThatLostTheirMachineAreLaunchedFirst(t *testing.T) {
	t.Parallel()
	var outs []plan.Outcome
	for n := range 80 {
		in := running(gone)
		in.Row.ID = fmt.Sprintf("d%03d", n)
		in.Entry.Deployment = in.Row.ID
		if in.Volumes[0].Deployment = in.Row.ID; n < 79 {
			in.Entry, in.Volumes = nil, nil
		}
		outs = append(outs, plan.Deployment(in))
	}
	room := 60
	launched := 0
	for _, o := range plan.Fleet(plan.FleetInput{Outcomes: outs, Room: &room}) {
		launches := slices.ContainsFunc(o.Actions, func(a plan.Action) bool { return a.Kind == plan.LaunchMachine })
		if launches {
			launched++
		}
		if o.Status.ID == "d079" && !launches {
			t.Errorf("the database with data waits: %v", o.Waits)
		}
	}
	if launched != room {
		t.Errorf("%d machines are launched, want %d", launched, room)
	}
}
