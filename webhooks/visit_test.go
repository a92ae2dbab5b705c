package webhooks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/webhooks"
)

func TestEqualResultIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.open(1, file("specs/a.yaml", "11"))
	w.visit(1)
	writes := func() int { return w.github.calls["PutCheckRun"] + w.github.calls["PutComment"] }
	if writes() != 3 || w.run(1).Conclusion != "success" {
		t.Fatalf("%d writes, %+v", writes(), w.run(1))
	}
	w.visit(1)
	w.fleet.moved++
	w.sweep()
	if writes() != 3 {
		t.Errorf("%d writes for an equal result", writes())
	}
	if w.fleet.proposes != 3 {
		t.Errorf("judged %d times: once for each visit, and when the fleet moved", w.fleet.proposes)
	}
	w.say(1, "ann", "/mainstay check")
	w.visit(1)
	if writes() != 5 {
		t.Errorf("%d writes when somebody asks", writes())
	}
}

// TestRougherPlan: a check that passed does not pass any more when the plan does more
// than people saw, until somebody looks again.
func TestRougherPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.open(1, file("specs/a.yaml", "11"))
	move := func(disruption, want string) {
		t.Helper()
		w.fleet.disruption = disruption
		w.fleet.moved++
		w.sweep()
		if got := w.run(1).Conclusion; got != want {
			t.Errorf("with %s it is %s, want %s", disruption, got, want)
		}
	}
	move("restart", "success") // which is what is shown first
	move("none", "success")
	move("restart", "success")
	move("replace", "action_required")
	move("replace", "action_required")
	w.say(1, "eve", "/mainstay check")
	move("replace", "action_required")
	w.say(1, "bob", "/mainstay check")
	move("replace", "success")
}

func TestMainMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.open(1, file("specs/a.yaml", "11"))
	w.sweep()
	w.fleet.edit("specs/a.yaml", "15")
	w.sweep()
	run := w.run(1)
	if run.Conclusion != "failure" || !strings.Contains(run.Summary, "15") {
		t.Errorf("main has another value by now, and the check is %+v", run)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		prepare    func(w *world, pr *webhooks.PullRequest)
		again      func(w *world, pr *webhooks.PullRequest)
		conclusion string // empty: no check run
		open       bool   // at the fleet
		comments   int
	}{
		{name: "nothing of ours", prepare: func(w *world, pr *webhooks.PullRequest) {
			pr.HeadSHA = w.github.commit(w.github.branches["main"], file("README.md", "bye"))
		}, conclusion: "success"},
		{name: "a draft", prepare: func(_ *world, pr *webhooks.PullRequest) { pr.Draft = true }},
		{name: "a draft now", again: func(_ *world, pr *webhooks.PullRequest) { pr.Draft = true }, conclusion: "action_required", comments: 1},
		{name: "a draft before", prepare: func(_ *world, pr *webhooks.PullRequest) { pr.Draft = true },
			again: func(_ *world, pr *webhooks.PullRequest) { pr.Draft = false }, conclusion: "success", open: true, comments: 1},
		{name: "another base", prepare: func(_ *world, pr *webhooks.PullRequest) { pr.Base = "release" }},
		{name: "another base now", again: func(_ *world, pr *webhooks.PullRequest) { pr.Base = "release" }, conclusion: "action_required", comments: 1},
		{name: "closed", again: func(_ *world, pr *webhooks.PullRequest) { pr.State = "closed" }, conclusion: "success", comments: 1},
		{name: "opened again", prepare: func(_ *world, pr *webhooks.PullRequest) { pr.State = "closed" },
			again: func(_ *world, pr *webhooks.PullRequest) { pr.State = "open" }, conclusion: "success", open: true, comments: 1},
		{name: "a fork", prepare: func(_ *world, pr *webhooks.PullRequest) { pr.Fork = true }, conclusion: "success", open: true, comments: 1},
		{name: "a fork with a workflow", prepare: func(w *world, pr *webhooks.PullRequest) {
			pr.Fork = true
			pr.HeadSHA = w.github.commit(pr.HeadSHA, file(".github/workflows/ci.yaml", "run: steal"))
		}, conclusion: "failure", comments: 1},
		{name: "a link among the files", prepare: func(w *world, pr *webhooks.PullRequest) {
			w.github.unfit = pr.HeadSHA
		}, conclusion: "failure", comments: 1},
		{name: "gone", again: func(w *world, pr *webhooks.PullRequest) { delete(w.github.prs, pr.Number) }, conclusion: "success", comments: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.github.branches["release"] = w.github.branches["main"]
			pr := w.open(1, file("specs/a.yaml", "11"))
			if tt.prepare != nil {
				tt.prepare(w, pr)
			}
			w.visit(1)
			if tt.again != nil {
				tt.again(w, pr)
				w.visit(1)
			}
			if got := w.github.runs[webhooks.CheckName+"@"+pr.HeadSHA].Conclusion; got != tt.conclusion {
				t.Errorf("check run %q, want %q", got, tt.conclusion)
			}
			if _, open := w.fleet.open[1]; open != tt.open {
				t.Errorf("open at the fleet: %v, want %v", open, tt.open)
			}
			if got := len(w.bodies(1)); got != tt.comments {
				t.Errorf("%d comments, want %d", got, tt.comments)
			}
			if w.fleet.main["specs/a.yaml"] != "10" {
				t.Error("the fleet changed")
			}
		})
	}
}

func TestMergedAgainstTheFleet(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(*world)
		says    string
	}{
		{"conflict", func(w *world) { w.fleet.edit("specs/a.yaml", "15") }, "Conflicts"},
		{"refused", func(w *world) { w.fleet.refuse = fmt.Errorf("%w: a reviewer is missing", webhooks.ErrRefused) }, "a reviewer is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.open(1, file("specs/a.yaml", "11"))
			w.visit(1)
			tt.prepare(w)
			w.mergeOnGitHub(1)
			w.sweep()
			w.sweep()
			if n := len(w.github.statuses); n != 1 || w.github.statuses[0].State != "failure" {
				t.Errorf("%+v", w.github.statuses)
			}
			if b := w.bodies(1); len(b) != 1 || !strings.Contains(b[0], tt.says) {
				t.Errorf("%q", b)
			}
			calls := w.github.calls["PullRequest"]
			w.sweep()
			if w.github.calls["PullRequest"] != calls {
				t.Error("it is looked at for ever")
			}
		})
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, login, body string
		says              []string // nothing: no answer
		not               string
		approved          bool
	}{
		{name: "help", login: "bob", body: "/mainstay help", says: []string{"/mainstay approve COMMIT"}},
		{name: "unknown", login: "bob", body: "/mainstay merge", says: []string{"/mainstay approve COMMIT"}},
		{name: "nothing", login: "bob", body: "/mainstay", says: []string{"/mainstay approve COMMIT"}},
		{name: "plan", login: "bob", body: "please\r\n/mainstay plan\r\n", says: []string{"grow-volume"}, not: "Findings"},
		{name: "check", login: "bob", body: "/mainstay check", says: []string{"check: waits for approval", "Findings"}, not: "grow-volume"},
		{name: "two", login: "bob", body: "/mainstay check\n/mainstay plan", says: []string{"Findings", "grow-volume"}},
		{name: "approve with commit", login: "bob", body: "/mainstay approve HEAD", says: []string{"is approved by `bob`"}, approved: true},
		{name: "approve another commit", login: "bob", body: "/mainstay approve 1234567890", says: []string{"Nothing is approved"}},
		{name: "approve too little", login: "bob", body: "/mainstay approve 0", says: []string{"Nothing is approved"}},
		{name: "approve before the commit", login: "bob", body: "/mainstay approve", says: []string{"Nothing is approved", "/mainstay approve 0000"}},
		{name: "no rights", login: "eve", body: "/mainstay approve HEAD", says: []string{"may write to this repository"}},
		{name: "a bot", login: "dependabot[bot]", body: "/mainstay approve HEAD"},
		{name: "ourselves", login: "ann", body: webhooks.ReviewMark + "\n/mainstay approve HEAD"},
		{name: "in the middle", login: "bob", body: "say /mainstay approve HEAD"},
		{name: "quoted", login: "bob", body: "> /mainstay approve HEAD"},
		{name: "shown", login: "bob", body: "```\n/mainstay approve HEAD\n```"},
		{name: "another word", login: "bob", body: "/mainstays approve HEAD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.fleet.needs = true
			pr := w.open(1, file("specs/a.yaml", "11"))
			w.visit(1)
			before := len(w.bodies(1))
			w.say(1, tt.login, strings.ReplaceAll(tt.body, "HEAD", pr.HeadSHA))
			w.visit(1)
			w.visit(1)
			answers := w.bodies(1)[before:]
			silent := len(tt.says) == 0 && tt.not == ""
			if silent != (len(answers) == 0) || len(answers) > 1 {
				t.Fatalf("answers %q", answers)
			}
			for _, want := range tt.says {
				if !strings.Contains(answers[0], want) {
					t.Errorf("the answer lacks %q: %s", want, answers[0])
				}
			}
			if tt.not != "" && strings.Contains(answers[0], tt.not) {
				t.Errorf("the answer holds %q: %s", tt.not, answers[0])
			}
			if got := len(w.fleet.approvals) > 0; got != tt.approved {
				t.Errorf("approved: %v", w.fleet.approvals)
			}
		})
	}
}

// TestApprovalIsOfWhatWasSeen: without a commit's name an approval counts when it was
// written after the head was here, and not when the head came after it.
func TestApprovalIsOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.fleet.needs = true
	w.open(1, file("specs/a.yaml", "11"))
	w.visit(1)
	late := w.say(1, "bob", "/mainstay approve")
	for i, c := range w.github.comments[1] {
		if c.ID == late {
			w.github.comments[1][i].CreatedAt = time.Now().Add(time.Minute)
		}
	}
	w.visit(1)
	if w.run(1).Conclusion != "success" {
		t.Errorf("it was approved: %+v", w.run(1))
	}
	w.say(1, "ann", "/mainstay approve")
	w.push("changeb", file("specs/a.yaml", "99"))
	w.visit(1)
	w.visit(1)
	if w.run(1).Conclusion != "action_required" {
		t.Errorf("another commit was approved: %+v", w.run(1))
	}
}

func TestEditedComment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.fleet.needs = true
	pr := w.open(1, file("specs/a.yaml", "11"))
	w.visit(1)
	id := w.say(1, "bob", "hello")
	w.visit(1)
	i := slices.IndexFunc(w.github.comments[1], func(c webhooks.Comment) bool { return c.ID == id })
	w.github.comments[1][i].Body = "/mainstay approve " + pr.HeadSHA
	w.github.touch(1)
	w.visit(1)
	if len(w.fleet.approvals) > 0 {
		t.Error("an edit commanded")
	}
}

// TestWritersDoNotApprove: nor does who pushed a commit to somebody else's branch.
func TestWritersDoNotApprove(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.fleet.needs = true
	pr := w.open(1, file("specs/a.yaml", "11"))
	w.github.writerOf = map[int][]string{1: {"Bob"}}
	w.visit(1)
	for _, login := range []string{"ann", "bob"} {
		w.say(1, login, "/mainstay approve "+pr.HeadSHA)
		w.visit(1)
	}
	if len(w.fleet.approvals) > 0 || w.run(1).Conclusion != "action_required" {
		t.Errorf("approved by %v", w.fleet.approvals)
	}
}

// TestEditedBeforeItWasRead: nobody knows whose words those are.
func TestEditedBeforeItWasRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.fleet.needs = true
	pr := w.open(1, file("specs/a.yaml", "11"))
	w.visit(1)
	id := w.say(1, "bob", "/mainstay approve "+pr.HeadSHA)
	i := slices.IndexFunc(w.github.comments[1], func(c webhooks.Comment) bool { return c.ID == id })
	w.github.comments[1][i].Edited = true
	w.visit(1)
	if len(w.fleet.approvals) > 0 || !strings.Contains(w.bodies(1)[len(w.bodies(1))-1], "edited") {
		t.Errorf("approved %v, and said %q", w.fleet.approvals, w.bodies(1))
	}
}

// TestRunAgain: who presses "Re-run" gets it written again, also what is the same.
func TestRunAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.open(1, file("specs/a.yaml", "11"))
	w.visit(1)
	wrote := w.github.calls["PutCheckRun"]
	w.queue.items = []webhooks.Item{{Repository: fleetRepo, Number: 1, Anew: true}}
	w.drain()
	if w.github.calls["PutCheckRun"] != wrote+1 || w.run(1).Conclusion != "success" || len(w.bodies(1)) != 1 {
		t.Errorf("%d writes, %+v", w.github.calls["PutCheckRun"]-wrote, w.run(1))
	}
}

// TestNothingIsWrittenOverALanding: while the fleet does not have what was merged on
// GitHub, its main is not written to the files, where it would take that back.
func TestNothingIsWrittenOverALanding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *webhooks.Config) { c.Render = webhooks.RenderCommit })
	w.sweep()
	w.open(1, file("specs/a.yaml", "11"))
	w.visit(1)
	w.mergeOnGitHub(1)
	w.fleet.edit("specs/b.yaml", "30")
	w.queue.items = []webhooks.Item{{Repository: fleetRepo}}
	item := w.queue.items[0]
	w.queue.items = nil
	if err := w.try(item); err != nil { // the sweep alone
		t.Fatal(err)
	}
	if len(w.github.commits) > 0 {
		t.Errorf("written over it: %q", w.github.commits)
	}
	w.drain()
	w.sweep()
	if got := contents(w.github.trees[w.github.branches["main"]]); got["specs/a.yaml"] != "11" || got["specs/b.yaml"] != "30" {
		t.Errorf("in the end the files are %v", got)
	}
}

// TestReverts: the number of a pull request that another takes back is what GitHub
// writes, and nothing that people write around it.
func TestReverts(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		"Reverts acme/fleet#12": 12, "Reverts #12": 12, "Why not.\n\nReverts Acme/Fleet#12\n": 12,
		"Reverts other/fleet#12": 0, "This Reverts acme/fleet#12": 0, "Reverts acme/fleet#12 and more": 0, "": 0, "Reverts acme/fleet#99999999999999": 0,
	} {
		if got := webhooks.Reverted(body, fleetRepo); got != want {
			t.Errorf("%q takes back %d, want %d", body, got, want)
		}
	}
}

// TestSummary: a review as jobs of CI systems show it, and as GitHub Actions takes it.
func TestSummary(t *testing.T) {
	t.Parallel()
	r := webhooks.Review{Findings: []webhooks.Finding{{Path: "specs/a,b.yaml", Line: 3,
		Finding: specs.Finding{Check: "volume-shrink", Severity: specs.Error, Message: "a volume cannot shrink\n::warning::50%"}}}}
	if page := webhooks.Summary(r); !strings.Contains(page, "refused for 1 reason") || !strings.Contains(page, "specs/a,b.yaml:3") || strings.Contains(page, "/mainstay") {
		t.Errorf("the page is\n%s", page)
	}
	if got := webhooks.Commands(r); !strings.HasPrefix(got, "::error file=specs/a%2Cb.yaml,line=3,title=volume-shrink::a volume cannot shrink") || strings.Count(got, "\n") != 1 || strings.Contains(got, "50% ") {
		t.Errorf("the commands are %q", got)
	}
}

// TestSweepMakesUpForLostDeliveries: what no delivery told of is found.
func TestSweepMakesUpForLostDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.sweep()
	pr := w.open(1, file("specs/a.yaml", "11"))
	w.sweep()
	if w.run(1).Conclusion != "success" {
		t.Fatal("it was not found")
	}
	w.open(2, file("specs/b.yaml", "21"))
	w.mergeOnGitHub(2)
	w.github.prs[2].UpdatedAt = time.Now()
	w.sweep()
	if w.fleet.main["specs/b.yaml"] != "21" {
		t.Error("opened and merged between two sweeps, it is not on the fleet's main")
	}
	pr.Base = "release" // and is in no list any more
	w.sweep()
	if _, open := w.fleet.open[1]; open {
		t.Error("it is not into main any more and is proposed still")
	}
}

// TestManyAreJudgedAnewInTurns: 500 open pull requests and a main that moves.
func TestManyAreJudgedAnewInTurns(t *testing.T) {
	t.Parallel()
	const many = 500
	w := newWorld(t, nil)
	var all []webhooks.File
	for i := range many {
		all = append(all, file(fmt.Sprintf("specs/n%d.yaml", i), "1"))
		w.fleet.main[all[i].Path] = "1"
	}
	w.github.branches["main"] = w.github.commit(w.github.branches["main"], all...)
	for i, f := range all {
		w.github.branches[fmt.Sprint("b", i)] = w.github.commit(w.github.branches["main"], file(f.Path, "2"))
		w.github.open(i+1, fmt.Sprint("b", i), "main", "Grow", "")
	}
	w.sweep()
	if w.fleet.proposes != many {
		t.Fatalf("%d were judged", w.fleet.proposes)
	}
	w.sweep() // our comments changed the times
	clear(w.github.calls)
	w.fleet.proposes = 0
	w.fleet.edit("specs/n7.yaml", "3") // which one of them changes too
	sweeps := 0
	for ; w.fleet.proposes < many; sweeps++ {
		before := total(w.github.calls)
		w.sweep()
		if calls := total(w.github.calls) - before; calls > 70 {
			t.Errorf("sweep %d made %d calls", sweeps, calls)
		}
		if sweeps > 20 {
			t.Fatal("not all get their turn")
		}
	}
	t.Logf("%d sweeps, calls %v", sweeps, w.github.calls)
	want := map[string]int{"OpenPullRequests": sweeps, "ClosedSince": sweeps, "PullRequest": many, "PutCheckRun": 1, "PutComment": 1, "Head": 1, "MergeBase": 1}
	if diff := cmp.Diff(want, w.github.calls); diff != "" {
		t.Error(diff)
	}
}

func total(calls map[string]int) int {
	n := 0
	for _, c := range calls {
		n += c
	}
	return n
}

func TestRenderBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *webhooks.Config) { c.Render = webhooks.RenderPullRequest })
	w.sweep()
	w.fleet.edit("specs/a.yaml", "30")
	w.sweep()
	w.sweep()
	pr := w.github.prs[1]
	if pr == nil || pr.Head != "mainstay/render" || w.run(1).Conclusion != "success" || len(w.fleet.open) > 0 || len(w.bodies(1)) > 0 {
		t.Fatalf("%+v", pr)
	}
	if !strings.Contains(w.github.commits[0], "thanks @\u200bbob") {
		t.Errorf("it calls somebody: %q", w.github.commits[0])
	}
	w.fleet.edit("specs/a.yaml", "31") // goes on the same branch
	w.sweep()
	if len(w.github.prs) != 1 || len(w.github.commits) != 2 {
		t.Fatalf("%d pull requests, commits %q", len(w.github.prs), w.github.commits)
	}
	w.push("mainstay/render", file("specs/b.yaml", "25")) // somebody adds to it
	w.visit(1)
	if w.fleet.open[1] == "" {
		t.Error("what somebody added is not proposed")
	}
	w.mergeOnGitHub(1)
	w.sweep()
	if w.fleet.main["specs/b.yaml"] != "25" || len(w.github.commits) != 2 {
		t.Errorf("main %v, commits %q", w.fleet.main, w.github.commits)
	}
	w.fleet.edit("specs/a.yaml", "32") // the old branch is there still
	w.sweep()
	if len(w.github.prs) != 2 || !strings.HasPrefix(w.github.prs[2].Head, "mainstay/render-") {
		t.Errorf("%+v", w.github.prs)
	}
	w.mergeOnGitHub(2)
	commits := len(w.fleet.commits)
	w.sweep()
	w.sweep()
	if len(w.fleet.commits) != commits || len(w.github.prs) != 2 {
		t.Error("it goes in circles")
	}
}

// TestCommentWithinTheSecond: GitHub's times are whole seconds; what comes in the same
// one is not overlooked.
func TestCommentWithinTheSecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	pr := w.open(1, file("specs/a.yaml", "11"))
	w.visit(1)
	pr.UpdatedAt = time.Now()
	w.visit(1) // writes nothing
	before := pr.UpdatedAt
	w.say(1, "bob", "/mainstay help")
	pr.UpdatedAt = before
	w.sweep()
	if len(w.bodies(1)) != 2 {
		t.Error("a comment got no answer")
	}
}

func TestWaitingIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.open(1, file("specs/a.yaml", "11"))
	w.visit(1)
	w.mergeOnGitHub(1)
	for i := range 5 {
		w.fleet.converged["c1"] = webhooks.Convergence{Waiting: fmt.Sprint("machine ", i)}
		w.sweep()
	}
	for _, why := range []string{"no room", "no room", "no money"} {
		w.fleet.converged["c1"] = webhooks.Convergence{Stalled: why}
		w.sweep()
	}
	var got []string
	for _, s := range w.github.statuses {
		got = append(got, s.State+" "+s.Description)
		if s.Ref != w.github.prs[1].MergeCommit || len(s.Description) > 140 {
			t.Errorf("%+v", s)
		}
	}
	want := []string{"queued On the fleet's main.", "in_progress It waits for machine 0", "failure It is stalled: no room", "failure It is stalled: no money"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestNothingIsAskedForEver: with nothing new a sweep looks at no pull request.
func TestNothingIsAskedForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	draft := w.open(1, file("specs/a.yaml", "11"))
	elsewhere := w.open(2, file("specs/b.yaml", "21"))
	w.open(3, file("specs/b.yaml", "bad"))
	w.open(4, file("README.md", "bye"))
	w.sweep()
	draft.Draft, elsewhere.Base = true, "release"
	draft.UpdatedAt = draft.UpdatedAt.Add(time.Second)
	w.sweep()
	w.fleet.moved++
	w.sweep()
	w.sweep()
	clear(w.github.calls)
	w.sweep()
	if diff := cmp.Diff(map[string]int{"OpenPullRequests": 1, "ClosedSince": 1}, w.github.calls); diff != "" {
		t.Error(diff)
	}
}

// TestStacked: a pull request that was built on another one is in no conflict when
// that one is merged and main goes on from there.
func TestStacked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first := w.open(1, file("specs/a.yaml", "11"))
	w.github.branches["top"] = w.github.commit(first.HeadSHA, file("specs/b.yaml", "21"))
	w.github.open(2, "top", "main", "On top", "")
	w.sweep()
	pr := w.github.prs[1]
	w.github.branches["main"] = pr.HeadSHA // a fast-forward
	pr.State, pr.Merged, pr.MergeCommit = "closed", true, pr.HeadSHA
	pr.UpdatedAt = time.Now().Add(-time.Minute)
	w.sweep()
	w.fleet.edit("specs/a.yaml", "15")
	w.sweep()
	if got := w.run(2); got.Conclusion != "success" {
		t.Errorf("%s: %s", got.Title, got.Summary)
	}
}
