package webhooks_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/webhooks"
)

// errLost is what a call fails with when the test says so.
var errLost = errors.New("the connection was lost")

// killed is what a call panics with when the process is killed in it.
type killed struct{ at string }

// A trap springs at one moment before or after a call.
type trap struct {
	mu     sync.Mutex
	at, n  int // the at-th moment; -1: never
	kill   bool
	sprung string
}

func (t *trap) moment(call string) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	if t.n-1 != t.at {
		return nil
	}
	t.sprung = call
	if t.kill {
		panic(killed{call})
	}
	return errLost
}

// call wraps a call with a moment before and one after its effect.
func call[T any](t *trap, name string, effect func() (T, error)) (T, error) {
	var none T
	if err := t.moment("before " + name); err != nil {
		return none, err
	}
	v, err := effect()
	if lost := t.moment("after " + name); lost != nil {
		return none, lost
	}
	return v, err
}

// do is call without a result.
func do(t *trap, name string, effect func() error) error {
	_, err := call(t, name, func() (struct{}, error) { return struct{}{}, effect() })
	return err
}

// A fakeGitHub is GitHub's state, with what the port promises of it.
type fakeGitHub struct {
	trap     *trap
	mu       sync.Mutex
	prs      map[int]*webhooks.PullRequest
	branches map[string]string
	trees    map[string][]webhooks.File
	parents  map[string]string
	runs     map[string]webhooks.CheckRun // by name and head
	comments map[int][]webhooks.Comment
	statuses []webhooks.DeploymentStatus
	writers  []string
	writerOf map[int][]string // of a pull request's commits, beside its author
	nextID   int64
	calls    map[string]int
	unfit    string   // sha of a commit that is not taken
	commits  []string // messages
}

func newGitHub() *fakeGitHub {
	return &fakeGitHub{prs: map[int]*webhooks.PullRequest{}, branches: map[string]string{}, trees: map[string][]webhooks.File{}, parents: map[string]string{},
		runs: map[string]webhooks.CheckRun{}, comments: map[int][]webhooks.Comment{}, calls: map[string]int{}, nextID: 100}
}

func (g *fakeGitHub) in(name string) func() {
	g.mu.Lock()
	g.calls[name]++
	return g.mu.Unlock
}

func (g *fakeGitHub) PullRequest(_ context.Context, _ webhooks.Repository, number int) (webhooks.PullRequest, error) {
	return call(g.trap, "PullRequest", func() (webhooks.PullRequest, error) {
		defer g.in("PullRequest")()
		if pr := g.prs[number]; pr != nil {
			return *pr, nil
		}
		return webhooks.PullRequest{}, webhooks.ErrNotFound
	})
}

func (g *fakeGitHub) list(keep func(*webhooks.PullRequest) bool) []webhooks.PullRequest {
	var all []webhooks.PullRequest
	for _, pr := range g.prs {
		if keep(pr) {
			all = append(all, *pr)
		}
	}
	slices.SortFunc(all, func(a, b webhooks.PullRequest) int { return a.Number - b.Number })
	return all
}

func (g *fakeGitHub) OpenPullRequests(_ context.Context, _ webhooks.Repository, base string) ([]webhooks.PullRequest, error) {
	return call(g.trap, "OpenPullRequests", func() ([]webhooks.PullRequest, error) {
		defer g.in("OpenPullRequests")()
		return g.list(func(pr *webhooks.PullRequest) bool { return pr.State == "open" && pr.Base == base }), nil
	})
}

func (g *fakeGitHub) ClosedSince(_ context.Context, _ webhooks.Repository, base string, since time.Time) ([]webhooks.PullRequest, error) {
	return call(g.trap, "ClosedSince", func() ([]webhooks.PullRequest, error) {
		defer g.in("ClosedSince")()
		return g.list(func(pr *webhooks.PullRequest) bool {
			return pr.State == "closed" && pr.Base == base && pr.UpdatedAt.After(since)
		}), nil
	})
}

func (g *fakeGitHub) Files(_ context.Context, _ webhooks.Repository, sha, dir string) ([]webhooks.File, error) {
	return call(g.trap, "Files", func() ([]webhooks.File, error) {
		defer g.in("Files")()
		if sha == g.unfit {
			return nil, fmt.Errorf("specs/a.yaml is a symbolic link: %w", webhooks.ErrUnfit)
		}
		tree, ok := g.trees[sha]
		if !ok {
			return nil, fmt.Errorf("%s: %w", sha, webhooks.ErrNotFound)
		}
		var files []webhooks.File
		for _, f := range tree {
			if strings.HasPrefix(f.Path, dir+"/") {
				files = append(files, f)
			}
		}
		return files, nil
	})
}

func (g *fakeGitHub) ancestors(sha string) []string {
	var all []string
	for ; sha != ""; sha = g.parents[sha] {
		all = append(all, sha)
	}
	return all
}

func (g *fakeGitHub) MergeBase(_ context.Context, _ webhooks.Repository, base, head string) (string, error) {
	return call(g.trap, "MergeBase", func() (string, error) {
		defer g.in("MergeBase")()
		of := g.ancestors(head)
		for _, sha := range g.ancestors(base) {
			if slices.Contains(of, sha) {
				return sha, nil
			}
		}
		return "", webhooks.ErrNotFound
	})
}

func (g *fakeGitHub) PutCheckRun(_ context.Context, _ webhooks.Repository, run webhooks.CheckRun) error {
	return do(g.trap, "PutCheckRun", func() error {
		defer g.in("PutCheckRun")()
		g.runs[run.Name+"@"+run.HeadSHA] = run
		return nil
	})
}

func (g *fakeGitHub) touch(number int) {
	if pr := g.prs[number]; pr != nil {
		pr.UpdatedAt = pr.UpdatedAt.Add(time.Second)
	}
}

func (g *fakeGitHub) put(number int, mark, body string, change bool) {
	for i, c := range g.comments[number] {
		if strings.Contains(c.Body, mark) && c.Author.Login == "mainstay[bot]" {
			if change {
				g.comments[number][i].Body = body
			}
			return
		}
	}
	g.nextID++
	g.comments[number] = append(g.comments[number], webhooks.Comment{ID: g.nextID, Author: webhooks.Person{Login: "mainstay[bot]"}, Body: body, CreatedAt: time.Now()})
	g.touch(number)
}

func (g *fakeGitHub) PutComment(_ context.Context, _ webhooks.Repository, number int, mark, body string) error {
	return do(g.trap, "PutComment", func() error {
		defer g.in("PutComment")()
		g.put(number, mark, body, true)
		return nil
	})
}

func (g *fakeGitHub) AddComment(_ context.Context, _ webhooks.Repository, number int, mark, body string) error {
	return do(g.trap, "AddComment", func() error {
		defer g.in("AddComment")()
		g.put(number, mark, body, false)
		return nil
	})
}

func (g *fakeGitHub) Comments(_ context.Context, _ webhooks.Repository, number int, since time.Time) ([]webhooks.Comment, error) {
	return call(g.trap, "Comments", func() ([]webhooks.Comment, error) {
		defer g.in("Comments")()
		var all []webhooks.Comment
		for _, c := range g.comments[number] {
			if !c.CreatedAt.Before(since) {
				all = append(all, c)
			}
		}
		return all, nil
	})
}

func (g *fakeGitHub) MayWrite(_ context.Context, _ webhooks.Repository, login string) (bool, error) {
	return call(g.trap, "MayWrite", func() (bool, error) {
		defer g.in("MayWrite")()
		return slices.Contains(g.writers, login), nil
	})
}

func (g *fakeGitHub) Person(_ context.Context, _ webhooks.Repository, login string) (webhooks.Person, error) {
	return call(g.trap, "Person", func() (webhooks.Person, error) {
		defer g.in("Person")()
		return webhooks.Person{Login: login, Name: login, Email: login + "@acme.example"}, nil
	})
}

func (g *fakeGitHub) Writers(_ context.Context, _ webhooks.Repository, number int) ([]string, error) {
	return call(g.trap, "Writers", func() ([]string, error) {
		defer g.in("Writers")()
		return g.writerOf[number], nil
	})
}

func (g *fakeGitHub) PutDeploymentStatus(_ context.Context, _ webhooks.Repository, s webhooks.DeploymentStatus) error {
	return do(g.trap, "PutDeploymentStatus", func() error {
		defer g.in("PutDeploymentStatus")()
		if n := len(g.statuses); n == 0 || g.statuses[n-1] != s {
			g.statuses = append(g.statuses, s)
		}
		return nil
	})
}

func (g *fakeGitHub) Commit(_ context.Context, _ webhooks.Repository, branch, parent, message string, _ webhooks.Person, files []webhooks.File) (string, error) {
	return call(g.trap, "Commit", func() (string, error) {
		defer g.in("Commit")()
		if at, ok := g.branches[branch]; ok && at != parent {
			return "", webhooks.ErrMoved
		}
		sha := g.commit(parent, files...)
		g.branches[branch] = sha
		g.commits = append(g.commits, message)
		for _, pr := range g.prs {
			if pr.State == "open" && pr.Head == branch {
				pr.HeadSHA = sha
			}
		}
		return sha, nil
	})
}

// commit makes a commit of changed files; the lock is held, or nobody else is there.
func (g *fakeGitHub) commit(parent string, files ...webhooks.File) string {
	tree := map[string][]byte{}
	for _, f := range g.trees[parent] {
		tree[f.Path] = f.Content
	}
	for _, f := range files {
		if f.Content == nil {
			delete(tree, f.Path)
		} else {
			tree[f.Path] = f.Content
		}
	}
	sha := fmt.Sprintf("%040x", 0xabcdef000+len(g.trees))
	g.trees[sha] = []webhooks.File{}
	for path, content := range tree {
		g.trees[sha] = append(g.trees[sha], webhooks.File{Path: path, Content: content})
	}
	g.parents[sha] = parent
	return sha
}

func (g *fakeGitHub) OpenPullRequest(_ context.Context, _ webhooks.Repository, title, body, head, base string) (webhooks.PullRequest, error) {
	return call(g.trap, "OpenPullRequest", func() (webhooks.PullRequest, error) {
		defer g.in("OpenPullRequest")()
		for _, pr := range g.prs {
			if pr.State == "open" && pr.Head == head {
				return *pr, nil
			}
		}
		return *g.open(len(g.prs)+1, head, base, title, body), nil
	})
}

func (g *fakeGitHub) open(number int, head, base, title, body string) *webhooks.PullRequest {
	pr := &webhooks.PullRequest{Number: number, State: "open", Title: title, Body: body, Head: head, HeadSHA: g.branches[head], Base: base, BaseSHA: g.branches[base],
		URL: fmt.Sprintf("https://github.example/acme/fleet/pull/%d", number), Author: webhooks.Person{Login: "ann", Name: "Ann", Email: "ann@acme.example"},
		UpdatedAt: time.Now().Add(-time.Hour).Truncate(time.Second)}
	g.prs[number] = pr
	return pr
}

func (g *fakeGitHub) Head(_ context.Context, _ webhooks.Repository, branch string) (string, error) {
	return call(g.trap, "Head", func() (string, error) {
		defer g.in("Head")()
		if sha, ok := g.branches[branch]; ok {
			return sha, nil
		}
		return "", webhooks.ErrNotFound
	})
}
