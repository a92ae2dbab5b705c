package ec2

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestTrouble: which of AWS's news about a machine are reasons to replace it.
func TestTrouble(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	event := func(code types.EventCode, description string) types.InstanceStatus {
		return types.InstanceStatus{Events: []types.InstanceStatusEvent{{Code: code, Description: aws.String(description), NotBefore: aws.Time(now.AddDate(0, 0, 7))}}}
	}
	check := func(status types.SummaryStatus, since *time.Time) *types.InstanceStatusSummary {
		return &types.InstanceStatusSummary{Status: status, Details: []types.InstanceStatusDetails{{ImpairedSince: since}}}
	}
	const impaired = types.SummaryStatusImpaired
	for _, c := range []struct {
		name string
		in   types.InstanceStatus
		seen time.Duration // how long ago it was first seen
		want string
	}{
		{"well", types.InstanceStatus{SystemStatus: check(types.SummaryStatusOk, nil), InstanceStatus: check(types.SummaryStatusOk, nil)}, time.Hour, ""},
		{"retired", event(types.EventCodeInstanceRetirement, "degraded hardware"), 0, "AWS retires its host on 2026-12-03 12:00 UTC (event instance-retirement)"},
		{"to be stopped", event(types.EventCodeInstanceStop, "x"), 0, "AWS will stop it on 2026-12-03 12:00 UTC (event instance-stop)"},
		{"over", event(types.EventCodeInstanceStop, "[Completed] x"), 0, ""},
		{"called off", event(types.EventCodeInstanceRetirement, "[Canceled] x"), 0, ""},
		{"rebooted", event(types.EventCodeInstanceReboot, "x"), 0, ""},
		{"host rebooted", event(types.EventCodeSystemReboot, "x"), 0, ""},
		{"maintained", event(types.EventCodeSystemMaintenance, "x"), 0, ""},
		{"host fails", types.InstanceStatus{SystemStatus: check(impaired, ago(10*time.Minute))}, 0, "AWS's check of its host fails since 2026-11-26 11:50 UTC"},
		{"host fails for a moment", types.InstanceStatus{SystemStatus: check(impaired, ago(time.Minute))}, time.Hour, ""},
		{"machine fails since nobody says", types.InstanceStatus{InstanceStatus: check(impaired, nil)}, 6 * time.Minute, "AWS's check of the machine fails since 2026-11-26 11:54 UTC"},
		{"machine fails, just seen", types.InstanceStatus{InstanceStatus: check(impaired, nil)}, time.Minute, ""},
		{"starting", types.InstanceStatus{InstanceStatus: check(types.SummaryStatusInitializing, nil)}, time.Hour, ""},
		{"not known", types.InstanceStatus{SystemStatus: check(types.SummaryStatusInsufficientData, nil)}, time.Hour, ""},
		{"volumes fail", types.InstanceStatus{AttachedEbsStatus: &types.EbsStatusSummary{Status: impaired,
			Details: []types.EbsStatusDetails{{ImpairedSince: ago(time.Hour)}}}}, 0, "AWS's check of its volumes fails since 2026-11-26 11:00 UTC"},
		{"all of it", types.InstanceStatus{SystemStatus: check(impaired, ago(time.Hour)), InstanceStatus: check(impaired, ago(time.Hour)),
			Events: event(types.EventCodeInstanceRetirement, "x").Events}, 0,
			"AWS retires its host on 2026-12-03 12:00 UTC (event instance-retirement); AWS's check of its host fails since 2026-11-26 11:00 UTC; " +
				"AWS's check of the machine fails since 2026-11-26 11:00 UTC"},
	} {
		if got := trouble(c.in, now.Add(-c.seen), now); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestSince: how long a check fails is counted from when it was first seen to, and
// anew after it held.
func TestSince(t *testing.T) {
	t.Parallel()
	var h health
	start := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	ill := map[string]types.InstanceStatus{"i-1": {}}
	h.take(ill, start)
	h.take(ill, start.Add(time.Minute))
	if !h.since["i-1"].Equal(start) {
		t.Errorf("since %s, want %s", h.since["i-1"], start)
	}
	h.take(nil, start.Add(2*time.Minute))
	h.take(ill, start.Add(3*time.Minute))
	if !h.since["i-1"].Equal(start.Add(3 * time.Minute)) {
		t.Errorf("since %s, though it was well in between", h.since["i-1"])
	}
}

// TestTagCut: a long name does not make AWS refuse all of a label.
func TestTagCut(t *testing.T) {
	t.Parallel()
	if v := *tag("k", strings.Repeat("ü", 300)).Value; len([]rune(v)) != maxTagValue {
		t.Errorf("%d characters, AWS takes %d", len([]rune(v)), maxTagValue)
	}
}
