package ec2_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/reconciler/mototest"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// retiring makes AWS's answer about machines with events: one retires.
func retiring(machine string) func(mototest.Request) *mototest.Fault {
	const item = `<instanceStatusSet><item><instanceId>%s</instanceId><eventsSet><item><instanceEventId>instance-event-1</instanceEventId>` +
		`<code>instance-retirement</code><description>degraded</description><notBefore>2030-01-02T03:04:05.000Z</notBefore></item></eventsSet></item></instanceStatusSet>`
	return func(r mototest.Request) *mototest.Fault {
		if r.Action != "DescribeInstanceStatus" || r.Form.Get("Filter.1.Name") != "event.code" {
			return nil
		}
		end := "</" + r.Action + "Response>"
		return &mototest.Fault{Edit: func(s string) string { return strings.Replace(s, end, fmt.Sprintf(item, machine)+end, 1) }}
	}
}

func troubleOf(inv plan.Inventory, machine string) string {
	for _, m := range inv.Machines {
		if m.ID == machine {
			return m.Trouble
		}
	}
	return "not listed"
}

// TestRetirement: a machine whose host is retired says so, the others do not, and
// it costs no request for each machine.
func TestRetirement(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	machines := f.launch(t, batch(2))
	f.proxy.Failing(retiring(machines[1].ID))
	for range 5 {
		inv := f.whole(t)
		if got := troubleOf(inv, machines[1].ID); !strings.Contains(got, "2030-01-02 03:04 UTC (event instance-retirement)") {
			t.Fatalf("the trouble is %q", got)
		}
		if got := troubleOf(inv, machines[0].ID); got != "" {
			t.Errorf("the other machine's trouble is %q", got)
		}
	}
	if n := f.proxy.Count("DescribeInstanceStatus"); n != 4 {
		t.Errorf("%d requests for five looks within a minute, want 4", n)
	}
	if err := f.TerminateMachine(t.Context(), machines[1].ID); err != nil {
		t.Fatal(err)
	}
	if got := troubleOf(f.whole(t), machines[1].ID); got != "" {
		t.Errorf("a machine that ended has the trouble %q", got)
	}
}

// TestStatusFails: that the status cannot be had is no gap, and no news of a machine
// that was in trouble.
func TestStatusFails(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	machine := f.launch(t, batch(1))[0].ID
	refused := mototest.On("DescribeInstanceStatus", mototest.Fault{Status: http.StatusForbidden, Code: "UnauthorizedOperation"})
	f.proxy.Failing(refused)
	if got := troubleOf(f.whole(t), machine); got != "" {
		t.Errorf("the trouble is %q", got)
	}
	f.proxy.Failing(retiring(machine))
	f.AskAgain()
	known := troubleOf(f.whole(t), machine)
	f.proxy.Failing(refused)
	f.AskAgain()
	if got := troubleOf(f.whole(t), machine); known == "" || got != known {
		t.Errorf("the trouble is %q, was %q", got, known)
	}
	f.proxy.Failing(nil)
	f.AskAgain()
	if got := troubleOf(f.whole(t), machine); got != "" {
		t.Errorf("the trouble is over, and is %q", got)
	}
}
