package view

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// FuzzStatus: whatever agents, clouds and people's hands wrote on branch status, it is
// shown to people as lines of text, and to programs as JSON.
func FuzzStatus(f *testing.F) {
	for _, seed := range []string{"", "fine", "\x1b[2J\x1b[H", "\x1b[31mred\x1b[0m", "a\nb", "\u009b2J", "\x9b", "\u202e", "\xff", strings.Repeat("é", 9)} {
		f.Add("orders", "serving", "127.0.0.1", seed, 3306, int64(1))
		f.Add(seed, "new", seed, "2.2.0", -1, int64(-1))
		f.Add("orders", seed, "", "", 1<<40, int64(1)<<37-1)
	}
	// The ledger holds no time of a year beyond the four digits that a DATETIME has.
	f.Fuzz(func(t *testing.T, name, phase, host, said string, port int, since int64) {
		c := plan.Condition{Type: said, Status: true, Reason: said, Message: said}
		state := &ledger.State{
			Applied:  ledger.Applied{Commit: said, Head: said},
			Findings: []specs.Finding{{Check: said, Table: said, Key: name, Message: said}},
			Deployments: map[string]ledger.Deployment{"d1": {Commit: said, Status: plan.Status{ID: "d1", Name: name, Phase: plan.Phase(phase), Ready: port > 0,
				Host: host, Port: port, DoltVersion: said, MachineID: said, VolumeID: said}}},
			Conditions: []ledger.Condition{{Condition: c}, {Deployment: "d1", Condition: c, Since: time.Unix(since&(1<<37-1), 0)}},
			Gaps:       map[string]ledger.Gap{"machines": {Reason: said}},
		}
		desired := specs.NewSnapshot()
		desired.PutDeployment(&specs.Deployment{ID: "d2", Name: name})
		s := NewStatus("head", desired, state)
		var out bytes.Buffer
		if err := (StatusText{Wide: true, Now: time.Unix(0, 0)}).Write(&out, s); err != nil {
			t.Fatal(err)
		}
		// The head, a finding, a condition and a gap; the table's three; of two deployments
		// that they are new, and a condition; and an empty line before and after the table.
		if lines := strings.Count(out.String(), "\n"); lines > 12 || !plain(strings.ReplaceAll(out.String(), "\n", "")) {
			t.Errorf("%d lines: %q", lines, out.String())
		}
		out.Reset()
		if err := render.JSON(&out, s); err != nil || !json.Valid(out.Bytes()) || !plain(strings.ReplaceAll(out.String(), "\n", "")) {
			t.Errorf("%v: %q", err, out.String())
		}
	})
}

// plain: nothing that a terminal would obey.
func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }
