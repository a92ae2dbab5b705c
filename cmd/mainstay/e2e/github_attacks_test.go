package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/webhooks/githubtest"
)

// TestGitHubAttacks: what strangers can send and suggest is refused and logged, and
// changes nothing.
func TestGitHubAttacks(t *testing.T) {
	t.Parallel()
	w := newTeam(t)
	before := w.all()
	good := w.repo.Open(githubtest.Opening{By: "ann", Title: "Nothing of ours", Branch: "readme", Files: githubtest.Files{"README.md": "A fleet.\n"}})
	w.judged(good, "success")
	deliveries := w.github.Deliveries()
	delivery := deliveries[slices.IndexFunc(deliveries, func(d githubtest.Delivery) bool { return d.Event == "pull_request" })]

	for _, c := range []struct {
		name   string
		change func(*http.Request)
		body   []byte
		status int
		logged string
	}{
		{"a wrong signature", func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)) }, []byte(`{}`), 401, "signature"},
		{"no signature", func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }, []byte(`{}`), 401, "not signed"},
		{"30 MB", func(*http.Request) {}, bytes.Repeat([]byte("x"), 30<<20), 413, "longer"},
		{"30 MB of no known length", func(r *http.Request) { r.ContentLength = -1 }, bytes.Repeat([]byte("x"), 30<<20), 413, "longer"},
		{"no JSON", func(*http.Request) {}, []byte("{"), 400, "JSON"},
	} {
		w.sub(c.name, func(t *testing.T) {
			r, err := githubtest.NewDelivery("pull_request", c.body).Request(t.Context(), w.hook, webhookSecret)
			if err != nil {
				t.Fatal(err)
			}
			c.change(r)
			resp, err := http.DefaultClient.Do(r)
			// A body that is too long is not read to its end, which a client may see first.
			if err == nil {
				resp.Body.Close()
			}
			if err == nil && resp.StatusCode != c.status || err != nil && c.status != 413 {
				t.Errorf("answered %v %v, want %d", resp, err, c.status)
			}
			w.logs("a delivery was refused", c.logged)
		})
	}
	w.sub("a replayed delivery", func(t *testing.T) {
		if got := w.github.Deliver(t.Context(), delivery, delivery); got[0] != 202 || got[1] != 202 {
			t.Errorf("answered %v", got)
		}
		w.logs("a delivery was taken", `answer="seen before"`)
	})

	var bomb strings.Builder
	bomb.WriteString("name: bomb\nsettings:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for n := range 12 {
		fmt.Fprintf(&bomb, "  a%d: &a%d [%s]\n", n+1, n+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", n), 10), ", "))
	}
	for _, c := range []struct{ name, content, says string }{
		{"a bomb", bomb.String(), "anchors"},
		{"an anchor", "name: &n bomb\nowner: *n\n", "anchors"},
		{"deep brackets", "name: " + strings.Repeat("[", 20000), ""},
		{"a name that climbs", "name: ../../x\n", "name"},
	} {
		w.sub(c.name, func(t *testing.T) {
			branch := strings.ReplaceAll(c.name, " ", "-")
			pr := w.repo.Open(githubtest.Opening{By: "ann", Title: c.name, Branch: branch, Files: githubtest.Files{"specs/deployments/bomb.yaml": c.content}})
			run := w.judged(pr, "failure")
			if text := run.Summary + run.Text + fmt.Sprint(run.Annotations); !strings.Contains(text, c.says) {
				t.Errorf("it is refused without a word of %q: %s", c.says, text)
			}
			pr.Close("ann")
		})
	}
	w.sub("a link out of the folder", func(t *testing.T) {
		w.repo.Symlink("ann", "climb", "specs/deployments/passwd.yaml", "../../../../etc/passwd")
		pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "A link", Branch: "climb"})
		w.judged(pr, "failure")
		w.logs("a pull request holds what is not taken")
		pr.Close("ann")
	})
	w.sub("a command without the right to", func(t *testing.T) {
		good.Comment("eve", "/mainstay approve")
		w.until("eve is told", func() bool { return strings.Contains(lastComment(good), "people who may write") })
		w.logs("a command by somebody who may not write", "eve")
	})
	w.sub("a command that was put into somebody's mouth", func(t *testing.T) {
		// GitHub's times are whole seconds; it is not the second in which it was written.
		w.github.Hold()
		w.github.Clock(func() time.Time { return time.Now().Add(-5 * time.Second) })
		id := good.Comment("ann", "Nice.")
		w.github.Clock(time.Now)
		good.EditComment("bob", id, "/mainstay approve")
		w.github.Release()
		w.until("it is told", func() bool { return strings.Contains(lastComment(good), "edited") })
	})
	w.sub("a fork that changes the workflow", func(t *testing.T) {
		fork := w.repo.Fork("eve")
		text := w.repo.Files("main")[specOf("orders")]
		pr := w.repo.Open(githubtest.Opening{By: "eve", Title: "Harmless", Branch: "harmless", From: fork, Files: githubtest.Files{
			".github/workflows/review.yml": "on: push\njobs: {}\n",
			specOf("orders"):               strings.Replace(text, lineOf(t, text, "volume_gb:"), "volume_gb: 90", 1),
		}})
		run := w.judged(pr, "failure")
		if len(run.Annotations) == 0 || run.Annotations[0].Path != ".github/workflows/review.yml" {
			t.Errorf("annotations: %+v", run.Annotations)
		}
		w.logs("a pull request from a fork changes what is run")
		pr.Close("eve")
	})
	w.quiet()
	if after := w.all(); after != before {
		t.Errorf("something was changed:\n%s\nbefore:\n%s", after, before)
	}
}

func lastComment(pr *githubtest.PullRequest) string {
	all := pr.Comments()
	return all[len(all)-1].Body
}

// all is what the hub holds but for what it remembers of proposals that ended.
func (w *team) all() string {
	w.t.Helper()
	return w.do("sql", "SELECT name FROM dolt_remote_branches ORDER BY name") + w.do("log", "-o", "json") + w.do("pr", "list")
}

// logs waits until a line of the control plane's log has all words.
func (w *team) logs(words ...string) {
	w.t.Helper()
	w.until(fmt.Sprintf("the log says %q", words), func() bool {
		for line := range strings.Lines(w.daemon.out.String()) {
			said := true
			for _, word := range words {
				said = said && strings.Contains(line, word)
			}
			if said {
				return true
			}
		}
		return false
	})
}

// TestGitHubKilled kills the reviewing control plane at its first, second, third …
// request to GitHub after a delivery, before and after GitHub has done it in turn. Once
// it runs again there is one check run and one comment, and both are right.
func TestGitHubKilled(t *testing.T) {
	t.Parallel()
	w := newTeam(t)
	whole := false
	for at := 0; !whole; at++ {
		reached := make(chan string, 1)
		var asked atomic.Int64
		w.github.Failing(func(r githubtest.Request) *githubtest.Fault {
			if asked.Add(1) != int64(at+1) {
				return nil
			}
			reached <- r.Route
			return &githubtest.Fault{After: at%2 == 1, Hang: true}
		})
		name := fmt.Sprintf("kill-%d", at)
		pr := w.repo.Open(githubtest.Opening{By: "ann", Title: name, Branch: name, Files: githubtest.Files{specOf(name): "name: " + name + "\nvolume_gb: 5\n"}})
		select {
		case route := <-reached:
			t.Logf("killed at %s", route)
			w.daemon.kill()
			w.github.Failing(nil)
			w.daemon.start()
		case <-w.commented(pr):
			w.github.Failing(nil)
			whole = true
		}
		w.judged(pr, "success")
		w.commentSays(pr, name, "can be merged")
		pr.Close("ann") // the next one is judged by itself
	}
	w.until("no branch is left", func() bool { return !strings.Contains(w.do("branch"), "github/") })
}

// commented is closed when there is our comment, which is the last that is written.
func (w *team) commented(pr *githubtest.PullRequest) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for end := time.Now().Add(patience); w.comment(pr) == "" && time.Now().Before(end); {
			time.Sleep(pause)
		}
	}()
	return done
}
