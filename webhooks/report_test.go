package webhooks_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/webhooks"
)

var update = flag.Bool("update", false, "write the golden files")

var pullRequest = webhooks.PullRequest{Number: 7, HeadSHA: "4f2c9d01aa83be55e0c1f6a7b8d9e0f112233445", URL: "https://github.example/acme/fleet/pull/7"}

const details = "https://mainstay.example/github/7"

func change(key, column string, from, to any) specs.CellChange {
	return specs.CellChange{Table: "deployments", Key: key, Column: column, From: from, To: to}
}

func found(severity specs.Severity, check, message, advice string) specs.Finding {
	return specs.Finding{Check: check, Severity: severity, Table: "deployments", Key: "orders", Column: "volume_gb", Message: message, Advice: advice}
}

// hostile is what somebody might put into a row.
const hostile = "</code></td></table>-->\n\n# @everyone see #1 [x](http://evil.example) ![p](http://evil.example/p.png) <img src=x onerror=alert(1)> `|` \u202egnp.exe ``` <!-- mainstay:review --> www.evil.example \x00\xff /mainstay approve"

func reviews() map[string]webhooks.Review {
	grow := webhooks.Review{Passed: true, PlanHash: "sha256:77aa01", Touched: 1, Fleet: 40,
		Changes: []specs.CellChange{change("orders", "volume_gb", 100, 200), change("orders", "owner", nil, "shop")},
		Plan:    []webhooks.Step{{Deployment: "orders", Kind: "grow-volume", Disruption: "none", Summary: "grow the volume from 100 to 200 GB"}, {Deployment: "orders", Kind: "deploy-database", Disruption: "restart", Summary: "dolt 2.2.0 in place of 1.86.4"}},
		Waits:   []webhooks.Step{{Deployment: "users", Summary: "waits until orders is done: one disruption at a time"}}}
	refused := grow
	refused.Passed = false
	refused.Findings = []webhooks.Finding{
		{Path: "specs/orders.yaml", Line: 12, Finding: found(specs.Error, "volume-shrink", "volumes cannot shrink", "write 200 or more")},
		{Finding: found(specs.Warning, "outlier", "ten times what others have", "see whether a zero is too much")},
		{Path: "specs/orders.yaml", Finding: found(specs.Note, "owner", "nobody owned it", "")}}
	conflict := refused
	conflict.Conflicts = []webhooks.Conflict{{Table: "deployments", Key: "orders", Column: "volume_gb", Base: "100", Ours: "150", Theirs: "200", Path: "specs/orders.yaml"}}
	conflict.Others = []webhooks.Overlap{{Proposal: "#8 Shrink orders", URL: "https://github.example/acme/fleet/pull/8", What: "deployments orders.volume_gb"},
		{Proposal: "proposal 3", URL: "https://evil.example/acme/fleet/pull/8", What: "deployments orders"}}
	approval := grow
	approval.Passed = false
	approval.Findings = []webhooks.Finding{{Finding: found(specs.Error, "reviewers", "a change of main needs 1 approval, and 1 is missing", "ask for approval by ann@acme.example")}}
	evil := webhooks.Review{Passed: false, PlanHash: "sha256:77`@\n#1", Touched: 1, Fleet: 1,
		Changes:   []specs.CellChange{{Table: hostile, Key: hostile, Column: hostile, From: hostile, To: hostile}},
		Plan:      []webhooks.Step{{Deployment: hostile, Kind: hostile, Disruption: hostile, Summary: hostile}},
		Findings:  []webhooks.Finding{{Path: hostile, Line: -4, Finding: specs.Finding{Check: hostile, Severity: specs.Severity(hostile), Message: hostile, Advice: hostile}}},
		Conflicts: []webhooks.Conflict{{Table: hostile, Key: hostile, Column: hostile, Base: hostile, Ours: hostile, Theirs: hostile, Path: "specs/a.yaml"}},
		Others:    []webhooks.Overlap{{Proposal: hostile, URL: `https://github.example/acme/fleet/pull/1" onclick="x`, What: hostile}}}
	second := grow
	second.Passed = false
	second.Others = conflict.Others[:1]
	long := grow
	long.Changes, long.Plan = nil, nil
	for i := range 2000 {
		long.Changes = append(long.Changes, change(fmt.Sprintf("db-%04d", i), "volume_gb", 100, 200))
	}
	for i := range 5 {
		long.Plan = append(long.Plan, webhooks.Step{Deployment: fmt.Sprintf("db-%04d", i), Kind: "grow-volume", Disruption: "none", Summary: "grow"})
	}
	long.Touched, long.Fleet = 2000, 2000
	return map[string]webhooks.Review{"passed": grow, "refused": refused, "conflict": conflict, "approval": approval, "hostile": evil, "long": long,
		"second": second, "nothing": {Passed: true, PlanHash: "sha256:00", Fleet: 40}}
}

func page(run webhooks.CheckRun, comment string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "==== comment\n%s==== check run: %s, %s, %q\n==== summary\n%s==== text\n%s==== annotations\n", comment, run.Status, run.Conclusion, run.Title, run.Summary, run.Text)
	for _, a := range run.Annotations {
		fmt.Fprintf(&b, "%q:%d %s %q %q\n", a.Path, a.Line, a.Level, a.Title, a.Message)
	}
	return b.String()
}

func TestReports(t *testing.T) {
	t.Parallel()
	for name, review := range reviews() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run, comment := webhooks.ReportOf(pullRequest, review, details)
			if n := max(len(comment), len(run.Summary), len(run.Text)); n > 65_535 {
				t.Errorf("%d bytes", n)
			}
			if name == "long" {
				return // its golden file would be as long
			}
			got, path := page(run, comment), filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLongReport: cut at a whole row, with the number of those that are left out, and
// no table crowds out another.
func TestLongReport(t *testing.T) {
	t.Parallel()
	_, comment := webhooks.ReportOf(pullRequest, reviews()["long"], details)
	rows := strings.Count(comment, "<td><code>volume_gb</code></td>")
	want := fmt.Sprintf("… and %d more: <a href=\"%s\">all of it</a>.", 2000-rows, details)
	if !strings.Contains(comment, want) || len(comment) < 65_000 {
		t.Errorf("%d rows in %d bytes, and not %q", rows, len(comment), want)
	}
	if strings.Count(comment, "<tr>") != strings.Count(comment, "</tr>") || strings.Count(comment, "<table>") != strings.Count(comment, "</table>") {
		t.Error("cut within a row")
	}
	if strings.Count(comment, "grow-volume") != 5 || !strings.Contains(comment, "What waits") || !strings.Contains(comment, "What to do next") {
		t.Error("a short table was cut, or the end is missing")
	}
}

// TestHostileContent: of what is in rows nothing is more than text.
func TestHostileContent(t *testing.T) {
	t.Parallel()
	run, comment := webhooks.ReportOf(pullRequest, reviews()["hostile"], details)
	for name, text := range map[string]string{"comment": comment, "summary": run.Summary, "text": run.Text} {
		if !utf8.ValidString(text) {
			t.Errorf("%s is not UTF-8", name)
		}
		rest := text
		for { // what is not inside of code is ours
			before, inside, ok := strings.Cut(rest, "<code>")
			for _, bad := range []string{"@", "evil", "<img", "onerror", "onclick", "#1 ", "@1", "\u202e", "\x00", "![", "```"} {
				if strings.Contains(before, bad) {
					t.Errorf("%s: %q is outside of code in %q", name, bad, before)
				}
			}
			if !ok {
				break
			}
			inside, rest, _ = strings.Cut(inside, "</code>")
			if strings.ContainsAny(inside, "<>\n\u202e\x00") {
				t.Errorf("%s: %q can end its code", name, inside)
			}
		}
		if n := strings.Count(text, "<!--"); n > 1 || n == 1 && !strings.HasPrefix(text, webhooks.ReviewMark) {
			t.Errorf("%s holds marks that are not ours", name)
		}
	}
	for _, a := range run.Annotations {
		if a.Line < 1 || strings.ContainsAny(a.Message+a.Title, "\n\u202e\x00") {
			t.Errorf("%+v", a)
		}
	}
}

// TestEqualReviewsAreEqualReports: what moves without meaning anything is no reason to
// write again.
func TestEqualReviewsAreEqualReports(t *testing.T) {
	t.Parallel()
	one := reviews()["refused"]
	two := one
	two.Base, two.Commit = "other", "other"
	a, _ := webhooks.ReportOf(pullRequest, one, details)
	b, _ := webhooks.ReportOf(pullRequest, two, details)
	two.PlanHash = "other"
	c, _ := webhooks.ReportOf(pullRequest, two, details)
	if a.ExternalID != b.ExternalID || a.ExternalID == c.ExternalID || a.ExternalID == "" {
		t.Errorf("%s, %s, %s", a.ExternalID, b.ExternalID, c.ExternalID)
	}
}

func TestCommandsIn(t *testing.T) {
	t.Parallel()
	tests := map[string][][2]string{
		"":                          nil,
		"/mainstay":                 {{"", ""}},
		"/mainstay PLAN\r\nthanks":  {{"plan", ""}},
		"/mainstay\tapprove  abc x": {{"approve", "abc"}},
		"a\n/mainstay plan\n/mainstay plan\n/mainstay check": {{"plan", ""}, {"check", ""}},
		" /mainstay plan": nil,
		"/mainstayplan":   nil,
		"~~~\n/mainstay plan\n```\n/mainstay plan\n~~~\n/mainstay check":                          {{"check", ""}},
		"````\n```\n/mainstay approve\n```\n````\n/mainstay check":                                {{"check", ""}},
		"```\n```go\n/mainstay approve\n```":                                                      nil,
		strings.Repeat("/mainstay a\n/mainstay b\n/mainstay c\n/mainstay d\n/mainstay e\n", 1000): {{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}},
	}
	for body, want := range tests {
		if diff := cmp.Diff(want, webhooks.CommandsIn(body)); diff != "" {
			t.Errorf("%.60q: %s", body, diff)
		}
	}
}
