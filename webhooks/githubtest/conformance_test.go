package githubtest_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/webhooks/githubtest"
	"github.com/mainstaydb/mainstay/webhooks/githubtest/openapi"
)

// published is the directory of what GitHub publishes about itself.
func published(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("MAINSTAY_TEST_GITHUB")
	if dir == "" {
		t.Skip("MAINSTAY_TEST_GITHUB is not set: run tools/github.sh and set it to build/github")
	}
	return dir
}

// TestConformance: what go-github asks and what the server answers has the form that
// GitHub describes, on every route that there is.
func TestConformance(t *testing.T) {
	t.Parallel()
	d, err := openapi.Load(published(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("life", func(t *testing.T) { conforms(t, d) })
	t.Run("refusals", func(t *testing.T) {
		w := newWorld(t, d)
		refusals(t, w)
		t.Logf("%d requests that GitHub refuses are answered as it describes", w.Count(""))
	})
	t.Run("tells", func(t *testing.T) { tells(t, d) })
}

func conforms(t *testing.T, d *openapi.Description) {
	w := newWorld(t, d)
	w.Hook(w.URL, "") // refused there, and looked at here
	w.Hold()
	life(t, w)
	people(t, w)
	told := map[string]bool{}
	for _, one := range w.Deliveries() {
		told[one.Event+" "+one.Action] = true
		if err := d.Event(one.Event, one.Action, one.Body); err != nil {
			t.Errorf("the event %s %s is not as GitHub describes it: %v\n%s", one.Event, one.Action, err, one.Body)
		}
	}
	for _, route := range githubtest.Routes() {
		if w.Requests()[route] == 0 {
			t.Errorf("nobody asked %s", route)
		}
	}
	t.Logf("%d kinds of events are as GitHub describes them", len(told))
	t.Logf("%d requests of %d routes are as GitHub describes them", w.Count(""), len(w.Requests()))
}

// tells: the validator finds what is wrong, or it would be worth nothing.
func tells(t *testing.T, d *openapi.Description) {
	const comments = "/repos/{owner}/{repo}/issues/{issue_number}/comments"
	params := map[string]string{"owner": "acme", "repo": "fleet", "issue_number": "1"}
	for name, c := range map[string]struct{ method, template, query, body, want string }{
		"no such route":    {"PUT", comments, "", "", "describes no"},
		"no such query":    {"GET", comments, "?sinse=now", "", "sinse"},
		"bad query":        {"GET", comments, "?per_page=many", "", "per_page"},
		"missing property": {"POST", comments, "", `{}`, "body"},
		"no such property": {"POST", comments, "", `{"body":"x","bodi":"y"}`, "bodi"},
		"wrong kind":       {"POST", comments, "", `{"body":1}`, "string"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://localhost/repos/acme/fleet/issues/1/comments"+c.query, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if err := d.Request(r, c.method, c.template, params, []byte(c.body)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://localhost/repos/acme/fleet/issues/1/comments", nil)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	for body, want := range map[string]string{`[{"id":1}]`: "missing", `{}`: "array"} {
		if err := d.Answer(r, "GET", comments, params, http.StatusOK, header, []byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the answer %s: %v", body, err)
		}
	}
	if err := d.Event("pull_request", "opened", []byte(`{"action":"opened"}`)); err == nil || !strings.Contains(err.Error(), "number") {
		t.Errorf("an event without anything: %v", err)
	}
	if err := d.Answer(r, "GET", comments, params, http.StatusTeapot, header, []byte("{}")); err == nil {
		t.Error("an answer with 418 is taken for GitHub's")
	}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	all, err := githubtest.Examples(published(t))
	if err != nil {
		t.Fatal(err)
	}
	events := map[string]bool{}
	for _, d := range all {
		events[d.Event] = true
	}
	if len(events) < 50 || !events["pull_request"] || !events["issue_comment"] {
		t.Errorf("there are %d examples of %d events", len(all), len(events))
	}
	t.Logf("%d examples of %d events", len(all), len(events))
}
