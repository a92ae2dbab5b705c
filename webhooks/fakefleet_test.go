package webhooks_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/webhooks"
)

// A fakeFleet is a fleet whose desired state is one value in each file.
type fakeFleet struct {
	trap      *trap
	mu        sync.Mutex
	main      map[string]string // path -> content
	commits   []string
	moved     int // the world, without main
	open      map[int]string
	merged    map[int]webhooks.Merge
	approvals map[string][]string // by head
	needs     bool                // an approval
	converged map[string]webhooks.Convergence
	byPeople  map[string]bool // commits that did not come from GitHub
	proposes  int
	counted   int
	affected  []int
	refuse    error // what Merge answers
	// disruption is that of every step.
	disruption string
}

func newFleet() *fakeFleet {
	return &fakeFleet{disruption: "none", main: map[string]string{}, commits: []string{"c0"}, open: map[int]string{}, merged: map[int]webhooks.Merge{},
		approvals: map[string][]string{}, converged: map[string]webhooks.Convergence{},
		byPeople: map[string]bool{}}
}

func (f *fakeFleet) in() func() { f.mu.Lock(); return f.mu.Unlock }

func contents(files []webhooks.File) map[string]string {
	all := map[string]string{}
	for _, file := range files {
		all[file.Path] = string(file.Content)
	}
	return all
}

// merge gives main with what a proposal changes, and where both changed.
func (f *fakeFleet) merge(p webhooks.Proposal) (map[string]string, []webhooks.Conflict, []specs.CellChange) {
	base, head, result := contents(p.Base), contents(p.Files), maps.Clone(f.main)
	var conflicts []webhooks.Conflict
	var changes []specs.CellChange
	paths := slices.Sorted(maps.Keys(head))
	for _, path := range paths {
		switch {
		case head[path] == base[path] || head[path] == f.main[path]:
		case f.main[path] != base[path]:
			conflicts = append(conflicts, webhooks.Conflict{Table: "deployments", Key: path, Column: "volume_gb", Base: base[path], Ours: f.main[path], Theirs: head[path], Path: path})
		default:
			changes = append(changes, specs.CellChange{Table: "deployments", Key: path, Column: "volume_gb", From: f.main[path], To: head[path]})
			result[path] = head[path]
		}
	}
	return result, conflicts, changes
}

func (f *fakeFleet) Propose(_ context.Context, p webhooks.Proposal) (webhooks.Review, error) {
	return call(f.trap, "Propose", func() (webhooks.Review, error) {
		defer f.in()()
		f.proposes++
		f.open[p.Number] = p.Head
		_, conflicts, changes := f.merge(p)
		r := webhooks.Review{Commit: "d" + p.Head, Base: f.commits[len(f.commits)-1], Passed: len(conflicts) == 0, Changes: changes, Conflicts: conflicts,
			PlanHash: fmt.Sprintf("plan%d", len(changes)), Touched: len(changes), Fleet: len(f.main)}
		for _, c := range changes {
			r.Plan = append(r.Plan, webhooks.Step{Deployment: c.Key, Kind: "grow-volume", Disruption: f.disruption, Summary: fmt.Sprintf("grow to %v", c.To)})
			if strings.Contains(fmt.Sprint(c.To), "bad") {
				r.Passed = false
				r.Findings = append(r.Findings, webhooks.Finding{Path: c.Key, Line: 2, Finding: specs.Finding{Check: "volume-size", Severity: specs.Error, Table: "deployments", Key: c.Key, Message: "it is bad"}})
			}
		}
		if f.needs && len(f.approvals[p.Head]) == 0 {
			r.Passed = false
			r.Findings = append(r.Findings, webhooks.Finding{Finding: specs.Finding{Check: "reviewers", Severity: specs.Error, Table: "reviewers", Message: "a change of main needs 1 approval"}})
		}
		return r, nil
	})
}

func (f *fakeFleet) Approve(_ context.Context, number int, head string, by webhooks.Person, wrote bool) (webhooks.Approval, error) {
	return call(f.trap, "Approve", func() (webhooks.Approval, error) {
		defer f.in()()
		if f.open[number] != head {
			return webhooks.Approval{}, fmt.Errorf("%w: %s is not proposed", webhooks.ErrRefused, head)
		}
		if wrote {
			return webhooks.Approval{}, fmt.Errorf("%w: %s wrote it", webhooks.ErrRefused, by.Login)
		}
		if !slices.Contains(f.approvals[head], by.Login) {
			f.approvals[head] = append(f.approvals[head], by.Login)
		}
		return webhooks.Approval{Counts: true}, nil
	})
}

func (f *fakeFleet) Merge(_ context.Context, p webhooks.Proposal, _ webhooks.Person, _ string) (webhooks.Merge, error) {
	return call(f.trap, "Merge", func() (webhooks.Merge, error) {
		defer f.in()()
		if m, ok := f.merged[p.Number]; ok {
			return m, nil
		}
		if f.refuse != nil {
			return webhooks.Merge{}, f.refuse
		}
		result, conflicts, _ := f.merge(p)
		if len(conflicts) > 0 {
			return webhooks.Merge{Conflict: conflicts}, nil
		}
		f.main = result
		delete(f.open, p.Number)
		m := webhooks.Merge{Commit: f.advance()}
		f.merged[p.Number] = m
		return m, nil
	})
}

func (f *fakeFleet) advance() string {
	commit := fmt.Sprintf("c%d", len(f.commits))
	f.commits = append(f.commits, commit)
	return commit
}

func (f *fakeFleet) Close(_ context.Context, number int, _ webhooks.Person) error {
	return do(f.trap, "Close", func() error {
		defer f.in()()
		delete(f.open, number)
		return nil
	})
}

func (f *fakeFleet) Heads(context.Context) (string, error) {
	return call(f.trap, "Heads", func() (string, error) {
		defer f.in()()
		return fmt.Sprintf("%s/%d", f.commits[len(f.commits)-1], f.moved), nil
	})
}

func (f *fakeFleet) Affected(context.Context, string) ([]int, error) {
	return call(f.trap, "Affected", func() ([]int, error) {
		defer f.in()()
		return f.affected, nil
	})
}

func (f *fakeFleet) Convergence(_ context.Context, commit string) (webhooks.Convergence, error) {
	return call(f.trap, "Convergence", func() (webhooks.Convergence, error) {
		defer f.in()()
		return f.converged[commit], nil
	})
}

func (f *fakeFleet) Render(_ context.Context, _ string, there []webhooks.File, since string) (webhooks.Rendered, error) {
	return call(f.trap, "Render", func() (webhooks.Rendered, error) {
		defer f.in()()
		r := webhooks.Rendered{Commit: f.commits[len(f.commits)-1], Message: "grow a volume, thanks @bob\n\nfixes #3", FromGitHub: true,
			Author: webhooks.Person{Name: "Cy", Email: "cy@acme.example"}}
		for _, commit := range f.commits[slices.Index(f.commits, since)+1:] {
			r.FromGitHub = r.FromGitHub && !f.byPeople[commit]
		}
		have := contents(there)
		for _, path := range slices.Sorted(maps.Keys(f.main)) {
			if have[path] != f.main[path] {
				r.Files = append(r.Files, webhooks.File{Path: path, Content: []byte(f.main[path])})
			}
		}
		return r, nil
	})
}

// touched says which pull requests are about what main changed.
func (f *fakeFleet) touched(numbers ...int) {
	defer f.in()()
	f.affected = numbers
}

// edit changes a value on the fleet's side.
func (f *fakeFleet) edit(path, content string) {
	defer f.in()()
	f.main[path] = content
	f.byPeople[f.advance()] = true
}
