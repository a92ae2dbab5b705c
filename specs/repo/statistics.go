package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mainstaydb/mainstay/specs"
)

// statisticsFile is beside the database. It holds what can be computed again.
const statisticsFile = "statistics.json"

// statisticsForm is counted up when the file means something else than before.
const statisticsForm = 1

type keptStatistics struct {
	Form int    `json:"form"`
	Hub  string `json:"hub"`
	*specs.Statistics
}

// Statistics sums up what the numeric columns of deployments were given by the
// commits up to commit, along first parents: a merge counts as the one change that
// it was for the branch. The sums are kept beside the clone and brought forward,
// so that the cost follows the commits since the last call; the first call reads
// the whole history. It may be called while a merge asks for leave.
func (r *Repo) Statistics(ctx context.Context, commit string) (*specs.Statistics, error) {
	r.sums.Lock()
	defer r.sums.Unlock()
	kept := r.readStatistics()
	if kept == nil {
		return r.sumUp(ctx, commit, true)
	}
	if _, err := r.Commit(ctx, kept.Commit); errors.Is(err, ErrUnknownRef) { // the hub was replaced
		return r.sumUp(ctx, commit, true)
	}
	steps, forward, err := r.Steps(ctx, kept.Commit, commit)
	switch {
	case err != nil:
		return nil, err
	case forward && len(steps) == 0:
		return kept, nil
	case forward:
		if err := r.observe(ctx, kept, append([]string{kept.Commit}, steps...)); err != nil {
			return nil, err
		}
		r.writeStatistics(kept)
		return kept, nil
	}
	// What is kept stays where an older commit is asked for.
	_, older, err := r.Steps(ctx, commit, kept.Commit)
	if err != nil {
		return nil, err
	}
	return r.sumUp(ctx, commit, !older)
}

// sumUp reads the whole history.
func (r *Repo) sumUp(ctx context.Context, commit string, keep bool) (*specs.Statistics, error) {
	s, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	line, err := s.firstParents(commit)
	if err != nil {
		return nil, err
	}
	sums := specs.NewStatistics()
	if err := r.observe(ctx, sums, line); err != nil {
		return nil, err
	}
	if keep {
		r.writeStatistics(sums)
	}
	return sums, nil
}

// observe adds what each commit of the line changed against the one before it.
func (r *Repo) observe(ctx context.Context, sums *specs.Statistics, line []string) error {
	s, err := r.session(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	for i := 1; i < len(line); i++ {
		var changes []specs.RowChange
		err := s.each(func(columns []string, values []any) error {
			changes = append(changes, changeOf(specs.TableDeployments, columns, values))
			return nil
		}, "SELECT * FROM dolt_diff(?, ?, ?)", line[i-1], line[i], specs.TableDeployments)
		if err != nil && !isNoTable(err) { // before the schema was made
			return fmt.Errorf("what the commit %s changed cannot be read: %w", line[i], err)
		}
		sums.Observe(changes)
	}
	sums.Commit = line[len(line)-1]
	return nil
}

// firstParents lists the commits from the first one to a commit, each followed by
// one that has it as first parent.
func (s *session) firstParents(commit string) ([]string, error) {
	var line []string
	next := commit
	err := s.each(func(_ []string, values []any) error {
		if hash := fmt.Sprint(values[0]); hash == next {
			line, next = append(line, hash), firstParent(fmt.Sprint(values[1]))
		}
		return nil
	}, "SELECT commit_hash, parents FROM dolt_log(?, '--parents')", commit)
	if err != nil || len(line) == 0 {
		return nil, fmt.Errorf("the history of %s cannot be read; fetch first: %w", commit, orUnknown(err))
	}
	reverse(line)
	return line, nil
}

// readStatistics gives what is kept; nil where it is of no use.
func (r *Repo) readStatistics() *specs.Statistics {
	kept := keptStatistics{Statistics: &specs.Statistics{}}
	raw, err := os.ReadFile(r.statisticsPath())
	if err == nil {
		err = json.Unmarshal(raw, &kept)
	}
	if err == nil && kept.Form == statisticsForm && kept.Hub == r.opts.Hub && commitHash.MatchString(kept.Commit) && kept.Values != nil {
		return kept.Statistics
	}
	if !errors.Is(err, fs.ErrNotExist) {
		r.opts.Logger.Warn("the kept statistics are of no use and are made anew", "file", r.statisticsPath(), "error", err)
	}
	return nil
}

// writeStatistics replaces the file whole. Where it cannot, the next call does
// the work again; nobody needs to stop for that.
func (r *Repo) writeStatistics(sums *specs.Statistics) {
	raw, err := json.Marshal(keptStatistics{Form: statisticsForm, Hub: r.opts.Hub, Statistics: sums})
	if err == nil {
		err = replaceFile(r.statisticsPath(), raw)
	}
	if err != nil {
		r.opts.Logger.Warn("the statistics cannot be kept, and are made anew the next time", "file", r.statisticsPath(), "error", err)
	}
}

func (r *Repo) statisticsPath() string { return filepath.Join(r.opts.Dir, statisticsFile) }

// replaceFile writes beside the file and renames, so that a reader finds the old
// content or the new.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
