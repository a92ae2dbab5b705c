package webhooks_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/webhooks"
)

var fleetRepo = webhooks.Repository{Owner: "acme", Name: "fleet"}

// A list is a queue that the test works off. It outlives a worker, as files do.
type list struct{ items []webhooks.Item }

func (l *list) Put(_ context.Context, item webhooks.Item) (bool, error) {
	if !slices.ContainsFunc(l.items, func(have webhooks.Item) bool { return have.Number == item.Number }) {
		l.items = append(l.items, item)
	}
	return true, nil
}

func (l *list) Run(context.Context, func(context.Context, webhooks.Item) error) error { return nil }

// A memory is notes without a disk: thousands of lives write no files.
type memory map[string][]byte

func (m memory) Get(key string) ([]byte, error)     { return m[key], nil }
func (m memory) Put(key string, value []byte) error { m[key] = value; return nil }
func (m memory) Delete(key string) error            { delete(m, key); return nil }
func (m memory) Keys() ([]string, error)            { return slices.Collect(maps.Keys(m)), nil }

// A trappedNotes is notes on a disk whose process may be killed.
type trappedNotes struct {
	webhooks.Notes
	trap *trap
}

func (n trappedNotes) Put(key string, value []byte) error {
	return do(n.trap, "Notes.Put", func() error { return n.Notes.Put(key, value) })
}

// A world is GitHub, a fleet, and what a control plane keeps on its disk.
type world struct {
	t      *testing.T
	github *fakeGitHub
	fleet  *fakeFleet
	queue  *list
	notes  webhooks.Notes
	cfg    webhooks.Config
	worker *webhooks.Worker
	trap   *trap
}

func newWorld(t *testing.T, change func(*webhooks.Config)) *world {
	t.Helper()
	w := &world{t: t, github: newGitHub(), fleet: newFleet(), queue: &list{}, notes: memory{}}
	w.fleet.main = map[string]string{"specs/a.yaml": "10", "specs/b.yaml": "20"}
	w.github.branches["main"] = w.github.commit("", file("specs/a.yaml", "10"), file("specs/b.yaml", "20"), file(".github/workflows/ci.yaml", "run: test"), file("README.md", "hello"))
	w.github.writers = []string{"ann", "bob"}
	w.cfg = webhooks.Config{Repository: fleetRepo, GitHub: w.github, Fleet: w.fleet, Queue: w.queue, Notes: w.notes}
	if change != nil {
		change(&w.cfg)
	}
	w.restart()
	return w
}

func file(path, content string) webhooks.File {
	return webhooks.File{Path: path, Content: []byte(content)}
}

// set lays a trap for all that the worker calls.
func (w *world) set(t *trap) {
	w.trap, w.github.trap, w.fleet.trap = t, t, t
	w.cfg.Notes = trappedNotes{w.notes, t}
	w.restart()
}

// restart begins anew with what is on the disk.
func (w *world) restart() {
	w.t.Helper()
	worker, err := webhooks.New(w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.worker = worker
}

// push makes a branch of main with changed files, or a new commit on it.
func (w *world) push(branch string, files ...webhooks.File) string {
	at, ok := w.github.branches[branch]
	if !ok {
		at = w.github.branches["main"]
	}
	sha := w.github.commit(at, files...)
	w.github.branches[branch] = sha
	for _, pr := range w.github.prs {
		if pr.Head == branch && pr.State == "open" {
			pr.HeadSHA = sha
			pr.UpdatedAt = pr.UpdatedAt.Add(time.Second)
		}
	}
	return sha
}

func (w *world) open(number int, files ...webhooks.File) *webhooks.PullRequest {
	branch := "change" + string(rune('a'+number))
	w.push(branch, files...)
	return w.github.open(number, branch, "main", "Grow", "")
}

// mergeOnGitHub is somebody pressing the button.
func (w *world) mergeOnGitHub(number int) {
	pr := w.github.prs[number]
	files := slices.Clone(w.github.trees[pr.HeadSHA])
	sha := w.github.commit(w.github.branches["main"], files...)
	w.github.branches["main"] = sha
	pr.State, pr.Merged, pr.MergeCommit, pr.MergedBy = "closed", true, sha, webhooks.Person{Login: "bob"}
	pr.UpdatedAt = time.Now().Add(-30 * time.Minute).Truncate(time.Second)
}

func (w *world) say(number int, login, body string) int64 {
	w.github.nextID++
	w.github.comments[number] = append(w.github.comments[number], webhooks.Comment{ID: w.github.nextID, Author: webhooks.Person{Login: login}, Body: body, CreatedAt: time.Now().Add(-time.Minute)})
	w.github.touch(number)
	return w.github.nextID
}

// visit works on one item until it is done, however often the process is killed.
func (w *world) visit(number int) {
	w.t.Helper()
	_, _ = w.queue.Put(w.t.Context(), webhooks.Item{Repository: fleetRepo, Number: number})
	w.drain()
}

func (w *world) sweep() { w.t.Helper(); w.visit(0) }

func (w *world) drain() {
	w.t.Helper()
	for tries := 0; len(w.queue.items) > 0; tries++ {
		if tries > 1000 {
			w.t.Fatal("the queue never gets empty")
		}
		item := w.queue.items[0]
		w.queue.items = w.queue.items[1:]
		err := w.try(item)
		if err == nil {
			continue
		}
		if !errors.Is(err, errLost) {
			w.t.Fatalf("item %d: %v", item.Number, err)
		}
		_, _ = w.queue.Put(w.t.Context(), item)
	}
}

func (w *world) try(item webhooks.Item) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			w.restart()
			err = errLost
		}
	}()
	return w.worker.Work(w.t.Context(), item)
}

func (w *world) run(number int) webhooks.CheckRun {
	return w.github.runs[webhooks.CheckName+"@"+w.github.prs[number].HeadSHA]
}

// bodies are the comments of ours, by mark and the rest of it.
func (w *world) bodies(number int) []string {
	var all []string
	for _, c := range w.github.comments[number] {
		if c.Author.Login == "mainstay[bot]" {
			all = append(all, c.Body)
		}
	}
	return all
}
