package webhooks_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstaydb/mainstay/webhooks"
)

// life takes pull requests through all that may happen to them.
func life(w *world) {
	first := w.open(1, file("specs/a.yaml", "11"))
	second := w.open(2, file("specs/a.yaml", "12"))
	w.open(3, file("specs/b.yaml", "bad"))
	w.fleet.needs = true
	w.sweep()
	w.say(1, "bob", "/mainstay approve "+first.HeadSHA[:12]+"\n/mainstay plan")
	w.say(1, "eve", "/mainstay approve "+first.HeadSHA)
	w.say(2, "bob", "looks good\n/mainstay merge please")
	w.visit(1)
	w.visit(2)
	w.push("changed", file("specs/b.yaml", "21"))
	w.visit(3)
	w.mergeOnGitHub(1)
	w.sweep()
	w.sweep() // the others are judged against the new main
	w.fleet.converged["c1"] = webhooks.Convergence{Stalled: "a volume cannot grow"}
	w.sweep()
	w.fleet.converged["c1"] = webhooks.Convergence{Done: true}
	w.sweep()
	second.State = "closed"
	w.sweep()
	w.fleet.edit("specs/b.yaml", "30")
	w.sweep()
	w.sweep()
}

// A state is all that others can see.
type state struct {
	Runs     map[string]webhooks.CheckRun
	Comments map[int][]string
	Statuses []string
	Branches map[string]string
	Pulls    int
	Commits  []string
	Main     map[string]string
	Fleet    []string
	Open     map[int]string
	Approved map[string][]string
}

func (w *world) state() state {
	s := state{Runs: w.github.runs, Comments: map[int][]string{}, Branches: w.github.branches, Pulls: len(w.github.prs), Commits: w.github.commits,
		Main: w.fleet.main, Fleet: w.fleet.commits, Open: w.fleet.open, Approved: w.fleet.approvals}
	for number := range w.github.prs {
		s.Comments[number] = w.bodies(number)
	}
	for _, status := range w.github.statuses {
		s.Statuses = append(s.Statuses, status.State)
	}
	return s
}

// TestKilledAnywhere: killed before or after any call of any visit, or with any call
// lost, all is in the end as if nothing had happened: one check run for each head, one
// comment, one answer, with the same words.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for _, render := range []webhooks.Render{webhooks.RenderCommit, webhooks.RenderPullRequest} {
		with := func(c *webhooks.Config) { c.Render = render }
		calm := newWorld(t, with)
		count := &trap{at: -1}
		calm.set(count)
		life(calm)
		want := calm.state()
		checkLife(t, calm, render)
		t.Logf("render %s: %d moments", render, count.n)
		for at := range count.n {
			for _, kill := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%d/kill=%v", render, at, kill), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, with)
					w.set(&trap{at: at, kill: kill})
					life(w)
					if diff := cmp.Diff(want, w.state()); diff != "" {
						t.Errorf("struck %s:\n%s", w.trap.sprung, diff)
					}
				})
			}
		}
	}
}

// checkLife says what the life comes to, for the comparison is of one with another.
func checkLife(t *testing.T, w *world, render webhooks.Render) {
	t.Helper()
	s := w.state()
	for key, run := range s.Runs {
		if run.Status != "completed" {
			t.Errorf("%s is %s", key, run.Status)
		}
	}
	if got := w.run(1).Conclusion; got != "success" {
		t.Errorf("1 was approved and is %s", got)
	}
	if got := w.run(2); got.Conclusion != "failure" || len(got.Annotations) != 1 {
		t.Errorf("2 is in conflict with main and is %+v", got)
	}
	if len(s.Comments[1]) != 3 || len(s.Comments[2]) != 2 || len(s.Comments[3]) != 1 {
		t.Errorf("1 has the comment, an answer and a refusal, 2 the comment and an answer, 3 the comment: %d, %d, %d", len(s.Comments[1]), len(s.Comments[2]), len(s.Comments[3]))
	}
	if diff := cmp.Diff([]string{"queued", "in_progress", "failure", "success"}, s.Statuses); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"specs/a.yaml": "11", "specs/b.yaml": "30"}, s.Main); diff != "" {
		t.Error(diff)
	}
	if len(s.Commits) != 1 {
		t.Errorf("one change came by other ways, and there are the commits %q", s.Commits)
	}
	if _, open := s.Open[2]; open || s.Open[3] == "" {
		t.Errorf("2 is closed and 3 open: %v", s.Open)
	}
	if pulls := map[webhooks.Render]int{webhooks.RenderCommit: 3, webhooks.RenderPullRequest: 4}[render]; s.Pulls != pulls {
		t.Errorf("%d pull requests, want %d", s.Pulls, pulls)
	}
}
