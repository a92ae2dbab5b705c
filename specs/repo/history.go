package repo

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// historyFile is beside the database. It holds what can be computed again.
const historyFile = "history.json"

// historyForm is counted up when the file means something else than before.
const historyForm = 1

// A history says which commits touched a deployment. Dolt's own history tables pass
// over commits of merged branches, and reading every commit for each question
// would cost what the history is long.
type history struct {
	Form    int              `json:"form"`
	Hub     string           `json:"hub"`
	Head    string           `json:"head"`
	Commits []historyCommit  `json:"commits"` // those that touched a deployment; parents come before children
	Touched map[string][]int `json:"touched"` // deployment id to places in Commits
}

type historyCommit struct {
	Hash    string   `json:"hash"`
	Parents []string `json:"parents"`
}

// historyOf gives the history that a commit has, brought forward from what is kept.
// Its cost follows the commits since the last call; the first call reads all.
func (r *Repo) historyOf(ctx context.Context, commit string) (*history, error) {
	r.sums.Lock()
	defer r.sums.Unlock()
	s, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	h := r.readHistory()
	if h.Head == commit {
		return h, nil
	}
	keep, since := true, h.Head
	if since != "" {
		base, err := s.value("SELECT dolt_merge_base(?, ?)", since, commit)
		if err != nil || base != since { // of another branch, or older than what is kept
			h, keep, since = r.newHistory(), base != commit, ""
		}
	}
	if err := s.extend(h, since, commit); err != nil {
		return nil, err
	}
	if keep {
		r.writeHistory(h)
	}
	return h, nil
}

func (r *Repo) newHistory() *history {
	return &history{Form: historyForm, Hub: r.opts.Hub, Touched: map[string][]int{}}
}

// extend adds the commits after since up to head.
func (s *session) extend(h *history, since, head string) error {
	span := head
	if since != "" {
		span = since + ".." + head
	}
	var commits []historyCommit
	err := s.each(func(_ []string, values []any) error {
		commits = append(commits, historyCommit{fmt.Sprint(values[0]), parentsOf(fmt.Sprint(values[1]))})
		return nil
	}, "SELECT commit_hash, parents FROM dolt_log(?, '--parents')", span)
	if err != nil {
		return fmt.Errorf("the history of %s cannot be read: %w", head, err)
	}
	for i := len(commits) - 1; i >= 0; i-- { // oldest first
		ids, err := s.touchedBy(commits[i])
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			continue
		}
		h.Commits = append(h.Commits, commits[i])
		for _, id := range ids {
			h.Touched[id] = append(h.Touched[id], len(h.Commits)-1)
		}
	}
	h.Head = head
	return nil
}

// touchedBy lists the deployments that a commit changed itself: against its parent,
// and of a merge against every parent, as what is only brought in was somebody else's.
func (s *session) touchedBy(c historyCommit) ([]string, error) {
	var ids []string
	counts := map[string]int{}
	for _, parent := range c.Parents {
		changes, err := s.changes(parent, c.Hash)
		if err != nil {
			return nil, err
		}
		seen := map[string]bool{}
		for _, change := range changes {
			if change.Table != specs.TableDeployments && change.Table != specs.TableSettings {
				continue
			}
			if id, _, _ := strings.Cut(change.Key, "/"); !seen[id] {
				seen[id] = true
				if counts[id]++; counts[id] == len(c.Parents) {
					ids = append(ids, id)
				}
			}
		}
	}
	return ids, nil
}

// readHistory gives what is kept, or an empty one.
func (r *Repo) readHistory() *history {
	h := r.newHistory()
	raw, err := os.ReadFile(r.historyPath())
	if err != nil {
		return h
	}
	kept := &history{}
	if err := json.Unmarshal(raw, kept); err != nil || kept.Form != historyForm || kept.Hub != r.opts.Hub || kept.Touched == nil ||
		!commitHash.MatchString(kept.Head) {
		r.opts.Logger.Warn("the kept history is of no use and is made anew", "file", r.historyPath(), "error", err)
		return h
	}
	return kept
}

// writeHistory replaces the file whole. Where it cannot, the next call does the
// work again; nobody needs to stop for that.
func (r *Repo) writeHistory(h *history) {
	raw, err := json.Marshal(h)
	if err == nil {
		err = replaceFile(r.historyPath(), raw)
	}
	if err != nil {
		r.opts.Logger.Warn("the history cannot be kept, and is made anew the next time", "file", r.historyPath(), "error", err)
	}
}

func (r *Repo) historyPath() string { return filepath.Join(r.opts.Dir, historyFile) }
