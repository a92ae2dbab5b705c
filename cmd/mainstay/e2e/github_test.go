package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent/freeport"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/webhooks/githubtest"
	"github.com/mainstaydb/mainstay/webhooks/githubtest/openapi"
)

// A team is a fleet whose files are in a repository on GitHub, and a control plane
// that reviews pull requests there.
type team struct {
	*fleet
	github *githubtest.GitHub
	repo   *githubtest.Repository
	daemon *daemon
	hook   string // where deliveries go
}

const webhookSecret = "a-secret-of-the-webhook"

// newTeam starts a fleet with its files on GitHub. More is the rest of the section.
func newTeam(t *testing.T, more ...string) *team {
	t.Helper()
	w := &team{fleet: newFleet(t), github: githubtest.New(t)}
	w.github.Person("ann", "Ann Lee", "ann@acme.example")
	w.github.Person("bob", "Bob Ray", "bob@acme.example")
	w.repo = w.github.Repository("acme", "fleet")
	w.repo.Allow("ann", githubtest.Write)
	w.repo.Allow("bob", githubtest.Maintain)
	w.repo.Allow("eve", githubtest.Read)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	app := w.github.App("mainstay", &key.PublicKey, documented(), w.repo)
	if dir := os.Getenv("MAINSTAY_TEST_GITHUB"); dir != "" { // make conformance: every request and answer has GitHub's form
		d, err := openapi.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		w.github.Validate(d)
	}
	w.repo.Commit("ann", "main", "The fleet as it is", w.exported())

	dir := t.TempDir()
	write(t, filepath.Join(dir, "app.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	write(t, filepath.Join(dir, "webhook"), webhookSecret+"\n")
	port := freeport.Take(t)
	section := fmt.Sprintf(`github:
  repository: acme/fleet
  url: %s
  app: %q
  private_key: file:%s
  webhook: {listen: "127.0.0.1:%d", secret: "file:%s"}
  sweep: 10s
%s`, w.github.URL, fmt.Sprint(app.ID), filepath.Join(dir, "app.pem"), port, filepath.Join(dir, "webhook"), strings.Join(more, ""))
	w.daemon = w.serve("reviewer", section)
	w.hook = fmt.Sprintf("http://127.0.0.1:%d/github", port)
	w.github.Hook(w.hook, webhookSecret)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the reviewing control plane said:\n%s", w.daemon.out)
		}
	})
	return w
}

// documented are the permissions that docs/github.md has an App ask for.
func documented() map[string]string {
	return map[string]string{"metadata": "read", "contents": "write", "pull_requests": "write", "checks": "write", "deployments": "write"}
}

// exported are the rows as files below specs.
func (w *team) exported() githubtest.Files {
	w.t.Helper()
	dir := w.t.TempDir()
	w.do("export", dir)
	files := githubtest.Files{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files["specs/"+filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}

func specOf(name string) string { return "specs/deployments/" + name + ".yaml" }

// edited is a file on a branch with a text replaced.
func (w *team) edited(branch, path, old, new string) githubtest.Files {
	w.t.Helper()
	text := w.repo.Files(branch)[path]
	if !strings.Contains(text, old) {
		w.t.Fatalf("%s on %s does not say %q:\n%s", path, branch, old, text)
	}
	return githubtest.Files{path: strings.Replace(text, old, new, 1)}
}

// judged waits for the verdict on what a pull request has now.
func (w *team) judged(pr *githubtest.PullRequest, conclusion string) githubtest.CheckRun {
	w.t.Helper()
	var run githubtest.CheckRun
	w.until(fmt.Sprintf("pull request %d is judged %s", pr.Number, conclusion), func() bool {
		all := w.repo.CheckRuns(pr.Head())
		if len(all) > 1 {
			w.t.Fatalf("there are %d check runs of one commit", len(all))
		}
		if len(all) == 0 || all[0].Status != "completed" || all[0].Conclusion != conclusion {
			if len(all) > 0 {
				run = all[0]
			}
			return false
		}
		run = all[0]
		return true
	})
	return run
}

// comment is the one comment of ours on a pull request; empty: there is none yet.
func (w *team) comment(pr *githubtest.PullRequest) string {
	w.t.Helper()
	var ours []string
	for _, c := range pr.Comments() {
		if c.By == "mainstay[bot]" && strings.HasPrefix(c.Body, "<!-- mainstay:review") {
			ours = append(ours, c.Body)
		}
	}
	switch len(ours) {
	case 0:
		return ""
	case 1:
		return ours[0]
	}
	w.t.Fatalf("there are %d comments of ours on pull request %d", len(ours), pr.Number)
	return ""
}

func (w *team) merge(pr *githubtest.PullRequest, by string) string {
	w.t.Helper()
	sha, err := pr.Merge(by)
	if err != nil {
		w.t.Fatal(err)
	}
	return sha
}

// deployed waits until GitHub is told that a commit is carried out.
func (w *team) deployed(sha string) {
	w.t.Helper()
	w.until("GitHub is told that the fleet has the commit", func() bool {
		all := w.repo.DeploymentStatuses(sha)
		return len(all) > 0 && all[len(all)-1].State == "success"
	})
}

// TestGitHub is the life of pull requests, from the files to running databases and back.
func TestGitHub(t *testing.T) {
	t.Parallel()
	w := newTeam(t, "  render: pull-request\n")
	var id string

	w.sub("a new database", func(t *testing.T) {
		pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "A ledger", Branch: "ledger", Files: githubtest.Files{specOf("ledger"): "name: ledger\nvolume_gb: 5 # small\n"}})
		w.judged(pr, "success")
		w.commentSays(pr, "ledger", "volume_gb", "Plan `", "github/1")
		if out := w.do("pr", "list"); !strings.Contains(out, "github/1") || !strings.Contains(out, "A ledger") {
			t.Errorf("the fleet does not list it:\n%s", out)
		}
		sha := w.merge(pr, "bob")
		w.deployed(sha)
		id = w.deployment("ledger").ID
		w.do("connect", "ledger", "-e", "CREATE DATABASE shop; USE shop; CREATE TABLE kept (n INT PRIMARY KEY); INSERT INTO kept VALUES (7); CALL dolt_commit('-Am', 'seven')")
		log := w.do("log", "-n", "1", "-o", "json")
		for _, want := range []string{"Ann Lee", "ann@acme.example", "A ledger", "/acme/fleet/pull/1", sha} {
			if !strings.Contains(log, want) {
				t.Errorf("the history lacks %q:\n%s", want, log)
			}
		}
		if out := w.do("branch"); strings.Contains(out, "github/1") {
			t.Errorf("the branch is left:\n%s", out)
		}
	})

	w.sub("refused and mended", func(t *testing.T) {
		pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "Smaller", Branch: "smaller", Files: w.edited("main", specOf("ledger"), "volume_gb: 5", "volume_gb: 4")})
		run := w.judged(pr, "failure")
		if len(run.Annotations) != 1 || run.Annotations[0].Path != specOf("ledger") || run.Annotations[0].StartLine != 2 || !strings.Contains(run.Annotations[0].Message, "cannot shrink") {
			t.Errorf("annotations: %+v", run.Annotations)
		}
		pr.Push("ann", "Bigger", w.edited("smaller", specOf("ledger"), "volume_gb: 4", "volume_gb: 6"))
		w.judged(pr, "success")
		w.commentSays(pr, "can be merged")
		w.merge(pr, "ann")
		w.wait("the ledger's row is bigger", func(view.Status) bool {
			return strings.Contains(w.do("sql", "SELECT volume_gb FROM deployments WHERE name = 'ledger'"), "6")
		})
	})

	w.sub("files that cannot be read", func(t *testing.T) {
		pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "Broken", Branch: "broken", Files: w.edited("main", specOf("ledger"), "name: ledger", "name: [ledger")})
		if run := w.judged(pr, "failure"); len(run.Annotations) == 0 || run.Annotations[0].Path != specOf("ledger") {
			t.Errorf("annotations: %+v", run.Annotations)
		}
		pr.Close("ann")
	})

	w.sub("deleted and taken back", func(t *testing.T) {
		w.repo.Remove("ann", "no-ledger", "No ledger", specOf("ledger"))
		pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "No ledger", Branch: "no-ledger"})
		w.judged(pr, "success")
		w.commentSays(pr, "destroy")
		w.deployed(w.merge(pr, "bob"))
		w.wait("the ledger is gone", named("ledger", func(d view.Deployment) bool { return d.Phase == "deleted" }))
		back, err := pr.Revert("bob")
		if err != nil {
			t.Fatal(err)
		}
		w.judged(back, "success")
		w.deployed(w.merge(back, "ann"))
		if got := w.deployment("ledger").ID; got != id {
			t.Errorf("another deployment came back: %s, was %s", got, id)
		}
		if out := w.do("connect", "ledger", "-e", "SELECT n FROM shop.kept"); !strings.Contains(out, "7") {
			t.Errorf("the data did not come back: %s", out)
		}
	})

	w.sub("a change by SQL comes to the files", func(t *testing.T) {
		before := len(w.repo.Log("main"))
		w.sql("UPDATE deployments SET owner = 'finance' WHERE name = 'ledger'")
		var pr *githubtest.PullRequest
		w.until("it is proposed for the files", func() bool {
			pr = w.repo.Pull("mainstay/render")
			return pr != nil
		})
		if text := w.repo.Files(pr.Head())[specOf("ledger")]; !strings.Contains(text, "owner: finance") || !strings.Contains(text, "# small") {
			t.Errorf("the file is\n%s", text)
		}
		w.judged(pr, "success")
		main := w.do("log", "-n", "1", "-o", "json")
		w.merge(pr, "ann")
		w.until("GitHub's main has it", func() bool { return strings.Contains(w.repo.Files("main")[specOf("ledger")], "finance") })
		w.quiet()
		if after := w.do("log", "-n", "1", "-o", "json"); after != main {
			t.Errorf("the fleet's main got what it had:\n%s", after)
		}
		if n := len(w.repo.Log("main")); n != before+2 { // the commit and its merge
			t.Errorf("GitHub's main has %d commits, want %d", n, before+2)
		}
	})
}

// quiet waits until a sweep that began after now has ended.
func (w *team) quiet() {
	w.t.Helper()
	if err := w.github.Settle(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	seen := w.sweeps()
	// A sweep lists twice: the open ones, and those that were closed. One may be under way.
	w.until("two sweeps have come", func() bool { return w.sweeps() >= seen+5 })
}

// sweeps is how often pull requests were listed.
func (w *team) sweeps() int { return w.github.Requests()["GET /repos/{owner}/{repo}/pulls"] }

// commentSays waits until the comment has all words: it is written after the check.
func (w *team) commentSays(pr *githubtest.PullRequest, words ...string) {
	w.t.Helper()
	var text string
	w.until(fmt.Sprintf("the comment says %q", words), func() bool {
		text = w.comment(pr)
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
	})
}

// TestGitHubTwo: two pull requests about one file go together when they change other
// values, and when it is the same the second is red before anybody merges it.
func TestGitHubTwo(t *testing.T) {
	t.Parallel()
	w := newTeam(t)
	open := func(by, branch, old, new string) *githubtest.PullRequest {
		t.Helper()
		return w.repo.Open(githubtest.Opening{By: by, Title: branch, Branch: branch, Files: w.edited("main", specOf("orders"), old, new)})
	}
	text := w.repo.Files("main")[specOf("orders")]
	volume, owner := lineOf(t, text, "volume_gb:"), lineOf(t, text, "owner:")

	first := open("ann", "volume", volume, "volume_gb: 30")
	second := open("bob", "owner", owner, "owner: finance")
	w.judged(first, "success")
	w.judged(second, "success")
	w.until("each is told of the other", func() bool { return strings.Contains(w.comment(first), "github/2") })
	w.merge(first, "bob")
	w.deployed(w.merge(second, "ann"))
	if out := w.do("sql", "SELECT volume_gb, owner FROM deployments WHERE name = 'orders'"); !strings.Contains(out, "30") || !strings.Contains(out, "finance") {
		t.Errorf("both did not arrive:\n%s", out)
	}

	third := open("ann", "more", "volume_gb: 30", "volume_gb: 40")
	fourth := open("bob", "much-more", "volume_gb: 30", "volume_gb: 50")
	w.judged(third, "success")
	w.judged(fourth, "success")
	w.until("the conflict to come is told", func() bool { return strings.Contains(w.comment(third), "the same values") })
	w.merge(third, "bob")
	run := w.judged(fourth, "failure")
	w.commentSays(fourth, "Conflicts", "30", "40", "50")
	if len(run.Annotations) == 0 || run.Annotations[0].Path != specOf("orders") || !strings.Contains(strings.Split(text, "\n")[run.Annotations[0].StartLine-1], "volume_gb") {
		t.Errorf("annotations: %+v", run.Annotations)
	}

	// Its author decides, on what is there by now.
	fourth.Update("bob", w.edited("main", specOf("orders"), "volume_gb: 40", "volume_gb: 50"))
	w.judged(fourth, "success")
	w.deployed(w.merge(fourth, "ann"))
	if out := w.do("sql", "SELECT volume_gb FROM deployments WHERE name = 'orders'"); !strings.Contains(out, "50") {
		t.Errorf("what was decided did not arrive:\n%s", out)
	}
}

func lineOf(t *testing.T, text, word string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			return strings.TrimRight(line, "\n")
		}
	}
	t.Fatalf("there is no %s in\n%s", word, text)
	return ""
}

// TestGitHubApproval: the fleet's own reviewers agree by a comment, and what is warned
// of is accepted by one.
func TestGitHubApproval(t *testing.T) {
	t.Parallel()
	w := newTeam(t, "  people:\n    Bob: bob@work.example\n")
	w.sql("REPLACE INTO limits (name, value) VALUES ('max_destroyed', 0)")
	w.sql("INSERT INTO reviewers (branch, owner, person, required) VALUES ('main', '', 'bob@work.example', 1)")
	said := func(pr *githubtest.PullRequest, words string) {
		t.Helper()
		w.until(fmt.Sprintf("it is answered %q", words), func() bool { return strings.Contains(lastComment(pr), words) })
	}

	w.sub("somebody else has to agree", func(t *testing.T) {
		text := w.repo.Files("main")[specOf("orders")]
		pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "Bigger", Branch: "bigger", Files: w.edited("main", specOf("orders"), lineOf(t, text, "volume_gb:"), "volume_gb: 30")})
		w.judged(pr, "action_required")
		w.commentSays(pr, "/mainstay approve")
		pr.Comment("ann", "/mainstay approve "+pr.Head())
		said(pr, "Nothing is approved")
		pr.Push("bob", "A little more", w.edited("bigger", specOf("orders"), "volume_gb: 30", "volume_gb: 31"))
		w.judged(pr, "action_required")
		pr.Comment("bob", "/mainstay approve "+pr.Head())
		said(pr, "bob wrote or proposed it")
		pr.Close("ann")

		pr = w.repo.Open(githubtest.Opening{By: "ann", Title: "Bigger at last", Branch: "at-last", Files: w.edited("main", specOf("orders"), lineOf(t, text, "volume_gb:"), "volume_gb: 30")})
		w.judged(pr, "action_required")
		pr.Comment("bob", "/mainstay approve "+pr.Head()[:12])
		said(pr, "is approved by `bob`")
		w.judged(pr, "success")
		if out := w.do("pr", "show", "github/2", "-o", "json"); !strings.Contains(out, "bob@work.example") {
			t.Errorf("the fleet does not know who approved:\n%s", out)
		}
		w.deployed(w.merge(pr, "ann"))
	})
	w.sub("a warning has to be accepted", func(t *testing.T) {
		w.repo.Remove("ann", "no-archive", "No archive", specOf("archive"))
		pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "No archive", Branch: "no-archive"})
		w.judged(pr, "action_required")
		w.commentSays(pr, "blast-radius")
		pr.Comment("bob", "/mainstay approve "+pr.Head()+"\n/mainstay plan")
		said(pr, "accepts what is warned of: `blast-radius`")
		w.judged(pr, "success")
		pr.Comment("ann", "/mainstay help")
		said(pr, "/mainstay check")
	})
}

// TestGitHubUnreliable: deliveries come twice, backwards or never, and GitHub is slow,
// down, and says that it is asked too much. In the end all is as it should be.
func TestGitHubUnreliable(t *testing.T) {
	t.Parallel()
	w := newTeam(t)
	w.github.Hold()
	pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "A ledger", Branch: "ledger", Files: githubtest.Files{specOf("ledger"): "name: ledger\nvolume_gb: 1\n"}})
	pr.Push("ann", "Larger", githubtest.Files{specOf("ledger"): "name: ledger\nvolume_gb: 5\n"})
	lost := w.repo.Open(githubtest.Opening{By: "ann", Title: "Nobody hears of it", Branch: "lost", Files: githubtest.Files{specOf("lost"): "name: lost\n"}})

	var asked atomic.Int64
	w.github.Failing(func(githubtest.Request) *githubtest.Fault {
		switch n := asked.Add(1); {
		case n <= 3:
			down := githubtest.Unavailable()
			return &down
		case n == 6:
			much := githubtest.Secondary(403, 2*time.Second)
			return &much
		case n%4 == 0:
			return &githubtest.Fault{Delay: 300 * time.Millisecond}
		case n%7 == 0:
			return &githubtest.Fault{Status: 502, After: true} // it was done, and nobody is told
		}
		return nil
	})
	deliveries := slices.DeleteFunc(w.github.Take(), func(d githubtest.Delivery) bool { return strings.Contains(string(d.Body), "Nobody hears of it") })
	slices.Reverse(deliveries)
	w.github.Deliver(t.Context(), append(deliveries, deliveries...)...)
	w.judged(pr, "success")
	w.commentSays(pr, "ledger", "can be merged")
	w.judged(lost, "success")
	sha := w.merge(pr, "bob")
	w.github.Take() // nor is this delivered
	w.deployed(sha)
	if n := w.repo.Deployments(sha); n != 1 {
		t.Errorf("there are %d deployments of one commit", n)
	}
	w.github.Failing(nil)
	w.commentSays(lost, "can be merged")
}

// TestSecretsAndCheck: secrets go into the store once, and serve --check says what is
// wrong with the section before anything runs.
func TestSecretsAndCheck(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	g := githubtest.New(t)
	repo := g.Repository("acme", "fleet")
	repo.Allow("ann", githubtest.Write)
	config := f.configure("checked", "github:\n  repository: acme/fleet\n  url: "+g.URL+"\n  token: store:github/token\n")
	check := func(code int, words ...string) {
		t.Helper()
		stdout, stderr, got := run(t, "serve", "--config", config, "--check")
		if got != code {
			t.Errorf("exit %d, want %d: %s%s", got, code, stdout, stderr)
		}
		for _, word := range words {
			if !strings.Contains(stdout, word) {
				t.Errorf("it lacks %q: %s", word, stdout)
			}
		}
	}
	create := func(value string, code int, words ...string) {
		t.Helper()
		_, stderr, got := runIn(t, value, nil, "secret", "create", "github/token", "--config", config)
		if got != code || strings.Contains(stderr, "ghp_") {
			t.Errorf("exit %d, want %d: %s", got, code, stderr)
		}
		for _, word := range words {
			if !strings.Contains(stderr, word) {
				t.Errorf("it lacks %q: %s", word, stderr)
			}
		}
	}
	check(1, "✗ GitHub secrets", "mainstay secret create github/token")
	token := g.Token("ann")
	create("", 2, "0 bytes")
	create(token+"\n", 0, "stored github/token")
	create(token, 0)
	create("ghp_another", 3, "another value")
	check(0, "✓ GitHub secrets", "✓ GitHub: branch main of acme/fleet is at "+repo.Head("main")[:12])
	g.Revoke(token)
	check(1, "✗ GitHub: ")
	_, stderr, code := runIn(t, "x", nil, "secret", "create", "../x", "--config", config)
	wantSentence(t, stderr, code, 2, []string{"../x"})
}
