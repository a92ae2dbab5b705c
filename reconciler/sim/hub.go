package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/specs"
)

// A Hub is what stories have in place of a fleet's repository, to be lived through by
// the thousand: two lines of commits, and a push that is taken only on top of what is
// there. Everything that people trust is tried on the real one; this is held to the same
// suite (TestStores).
type Hub struct {
	mu     sync.Mutex
	main   []*commit // the first is empty
	status []*commit
	places map[string]int // in either line, by hash
}

// A commit is of one of the lines; the other's field is nil.
type commit struct {
	hash, author, message string
	desired               *specs.Snapshot
	rows                  map[string]map[string]specs.Row // by table and key
}

// NewHub makes one whose fleet wants nothing yet.
func NewHub() *Hub {
	h := &Hub{places: map[string]int{}}
	h.main = h.add(h.main, "main", commit{desired: specs.NewSnapshot(), message: "begin"})
	h.status = h.add(h.status, "status", commit{rows: map[string]map[string]specs.Row{}, message: "begin"})
	return h
}

func (h *Hub) add(line []*commit, name string, c commit) []*commit {
	c.hash = fmt.Sprintf("%s%d", name, len(line))
	h.places[c.hash] = len(line)
	return append(line, &c)
}

// Change commits to main.
func (h *Hub) Change(author, message string, change func(*specs.Snapshot)) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := h.main[len(h.main)-1].desired.Clone()
	change(next)
	h.main = h.add(h.main, "main", commit{desired: next, author: author, message: message})
	return h.main[len(h.main)-1].hash
}

// Desired is what main wants now.
func (h *Hub) Desired() *specs.Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.main[len(h.main)-1].desired
}

// State is the branch status as values.
func (h *Hub) State() (*ledger.State, error) {
	heads, _ := h.Fetch(context.Background())
	state := ledger.NewState()
	return state, h.EachRow(context.Background(), heads.Status, ledger.Tables, state.Add)
}

var _ reconciler.Store = (*Hub)(nil)

// Fetch implements reconciler.Store.
func (h *Hub) Fetch(context.Context) (reconciler.Heads, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return reconciler.Heads{Main: h.main[len(h.main)-1].hash, Status: h.status[len(h.status)-1].hash}, nil
}

func (h *Hub) at(hash string) (*commit, error) {
	i, ok := h.places[hash]
	if !ok {
		return nil, fmt.Errorf("there is no commit %q", hash)
	}
	if i < len(h.main) && h.main[i].hash == hash {
		return h.main[i], nil
	}
	return h.status[i], nil
}

// Snapshot implements reconciler.Store.
func (h *Hub) Snapshot(_ context.Context, hash string) (*specs.Snapshot, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.at(hash)
	if err != nil {
		return nil, err
	}
	return c.desired.Clone(), nil
}

// Steps implements reconciler.Store.
func (h *Hub) Steps(_ context.Context, from, to string) (commits []string, ok bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, known := h.places[from]
	b, there := h.places[to]
	if !known || !there || a > b {
		return nil, false, nil
	}
	for _, c := range h.main[a+1 : b+1] {
		commits = append(commits, c.hash)
	}
	return commits, true, nil
}

// Changes implements reconciler.Store.
func (h *Hub) Changes(_ context.Context, from, to string) ([]specs.RowChange, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, err := h.at(from)
	if err != nil {
		return nil, err
	}
	b, err := h.at(to)
	if err != nil {
		return nil, err
	}
	return specs.Diff(a.desired, b.desired), nil
}

// Commit implements reconciler.Store.
func (h *Hub) Commit(_ context.Context, hash string) (reconciler.Commit, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.at(hash)
	if err != nil {
		return reconciler.Commit{}, err
	}
	info := reconciler.Commit{Author: c.author, Message: c.message}
	if i := h.places[hash]; i > 0 {
		info.Parents = []string{h.main[i-1].hash}
	}
	return info, nil
}

// Authors implements reconciler.Store: no commit here came by a branch.
func (h *Hub) Authors(context.Context, string, string) ([]string, error) { return nil, nil }

// MergeBase implements reconciler.Store: of two commits of one line the older.
func (h *Hub) MergeBase(_ context.Context, a, b string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.places[a] < h.places[b] {
		return a, nil
	}
	return b, nil
}

// Approvals implements reconciler.Store: there are no reviews.
func (h *Hub) Approvals(context.Context, string) ([]string, error) { return nil, nil }

// EachRow implements reconciler.Store.
func (h *Hub) EachRow(_ context.Context, hash string, names []string, do func(table string, row specs.Row) error) error {
	h.mu.Lock()
	c, err := h.at(hash)
	h.mu.Unlock() // a commit stays as it is
	if err != nil {
		return err
	}
	for _, name := range names {
		for _, key := range slices.Sorted(maps.Keys(c.rows[name])) {
			if err := do(name, maps.Clone(c.rows[name][key])); err != nil {
				return err
			}
		}
	}
	return nil
}

// Publish implements reconciler.Store.
func (h *Hub) Publish(_ context.Context, base string, edits []ledger.Edit, message string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	head := h.status[len(h.status)-1]
	if head.hash != base {
		return "", reconciler.ErrLost
	}
	rows, changed := maps.Clone(head.rows), false
	own := map[string]bool{} // tables that were copied
	for _, e := range edits {
		if !own[e.Table] {
			own[e.Table] = true
			if rows[e.Table] = maps.Clone(rows[e.Table]); rows[e.Table] == nil {
				rows[e.Table] = map[string]specs.Row{}
			}
		}
		key := ledger.KeyText(e.Table, e.Row)
		old, had := rows[e.Table][key]
		switch {
		case e.Delete:
			delete(rows[e.Table], key)
			changed = changed || had
		case !had || !maps.Equal(old, e.Row):
			rows[e.Table][key] = maps.Clone(e.Row)
			changed = true
		}
	}
	if !changed {
		return base, nil
	}
	h.status = h.add(h.status, "status", commit{rows: rows, message: message})
	return h.status[len(h.status)-1].hash, nil
}
