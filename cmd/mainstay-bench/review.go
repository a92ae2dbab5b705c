package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// A past is a fleet with a history, on a hub of its own.
type past struct {
	deployments, commits int
	dir                  string
}

// A looked is what one command took at both sizes; first, the first time in a clone.
type looked struct {
	Command    string        `json:"command"`
	Small      times         `json:"small"`
	Large      times         `json:"large"`
	SmallFirst time.Duration `json:"small_first"`
	LargeFirst time.Duration `json:"large_first"`
}

// The sizes that are compared.
const (
	smallFleet, smallHistory = 100, 10
	largeFleet, largeHistory = 10_000, 1_000
)

func (p *past) hub() string { return "file://" + filepath.Join(p.dir, "hub") }

// looks are the commands that must not cost what the fleet is large or its history
// long; of status a whole fleet's is among them, which shows every deployment. The one
// that is asked for was changed by the newest commits.
func looks() [][]string {
	return [][]string{
		{"pr", "check", "1"}, {"log", "-n", "20"}, {"blame", "db-000050"}, {"diff", "main~1", "main"},
		{"status", "db-000050"}, {"status"}, {"status", "-o", "json"},
	}
}

// review measures the program itself, as a person runs it, on a small fleet with a
// short history and on a large one with a long history, in turns.
func (s *suite) review(ctx context.Context) error {
	small, err := s.past(ctx, smallFleet, smallHistory)
	if err != nil {
		return err
	}
	large, err := s.past(ctx, largeFleet, largeHistory)
	if err != nil {
		return err
	}
	for _, words := range looks() {
		l := looked{Command: joined(words)}
		for i := range s.pairs + 1 {
			if err := s.look(ctx, &l, words, small, large, i == 0); err != nil {
				return err
			}
		}
		s.results.Looks = append(s.results.Looks, l)
	}
	s.results.writeLooks(os.Stdout)
	return nil
}

// look takes one turn: the small fleet, then the large one.
func (s *suite) look(ctx context.Context, l *looked, words []string, small, large *past, first bool) error {
	a, err := s.run(ctx, small, words...)
	if err != nil {
		return err
	}
	b, err := s.run(ctx, large, words...)
	if err != nil {
		return err
	}
	if first {
		l.SmallFirst, l.LargeFirst = a, b
		return nil
	}
	l.Small, l.Large = append(l.Small, a), append(l.Large, b)
	return nil
}

func (r *results) writeLooks(w io.Writer) {
	fmt.Fprintf(w, "| the program, %d times in turns | %d deployments, %d commits | %d deployments, %d commits | times | the first time in a clone |\n|---|---|---|---|---|\n",
		len(r.Looks[0].Small), smallFleet, smallHistory, largeFleet, largeHistory)
	for _, l := range r.Looks {
		fmt.Fprintf(w, "| `mainstay %s` | %s | %s | %.2f | %s, %s |\n", l.Command, l.Small.spread(), l.Large.spread(),
			ratio(l.Large.median(), l.Small.median()), ms(l.SmallFirst), ms(l.LargeFirst))
	}
	fmt.Fprintln(w)
}

func joined(words []string) string {
	text := words[0]
	for _, w := range words[1:] {
		text += " " + w
	}
	return text
}

// past makes a fleet that has converged, with a history and a proposal of one row.
func (s *suite) past(ctx context.Context, deployments, commits int) (*past, error) {
	p := &past{deployments: deployments, commits: commits, dir: filepath.Join(s.dir, fmt.Sprint("past-", deployments))}
	r, err := repo.Open(ctx, repo.Options{Dir: filepath.Join(p.dir, "clone"), Hub: p.hub(), Author: repo.Author{Name: "bench", Email: "bench@localhost"}})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := r.Init(ctx, rows(deployments)); err != nil {
		return nil, err
	}
	if err := recordHealthy(ctx, r); err != nil {
		return nil, err
	}
	for i := range commits {
		statement := fmt.Sprintf("UPDATE deployments SET owner = 'team-%d' WHERE name = 'db-%06d'", i, i*7%deployments)
		if i >= commits-3 {
			statement = fmt.Sprintf("UPDATE deployments SET owner = 'team-%d' WHERE name = 'db-000050'", i)
		}
		if _, err := r.Change(ctx, repo.MainBranch, statement, fmt.Sprint("owner ", i)); err != nil {
			return nil, err
		}
	}
	if err := r.CreateBranch(ctx, "one", repo.MainBranch); err != nil {
		return nil, err
	}
	if _, err := r.Change(ctx, "one", "UPDATE deployments SET volume_gb = 20 WHERE name = 'db-000050'", "grow"); err != nil {
		return nil, err
	}
	_, err = s.run(ctx, p, "pr", "create", "-b", "one", "--title", "one row")
	return p, err
}

// recordHealthy writes on status what a control plane would of a fleet that is as
// wanted.
func recordHealthy(ctx context.Context, r *repo.Repo) error {
	heads, err := r.Fetch(ctx)
	if err != nil {
		return err
	}
	snapshot, err := r.Snapshot(ctx, heads.Main)
	if err != nil {
		return err
	}
	book := ledger.NewBook() // which orders edits as a control plane does: in another order they cost ten times the space
	for id, in := range healthy(snapshot) {
		m, v := in.Machines[0], in.Volumes[0]
		book.Set(ledger.Owner{Kind: "entry", ID: id}, ledger.EntryRecords(in.Entry))
		book.Set(ledger.Owner{Kind: "machine", ID: m.ID}, ledger.MachineRecords(m))
		book.Set(ledger.Owner{Kind: "volume", ID: v.ID}, ledger.VolumeRecords(v))
		book.Set(ledger.Owner{Kind: "agent", ID: m.ID}, ledger.AgentRecords(m.ID, in.Agents[m.ID]))
		status := plan.Status{ID: id, Name: in.Row.Name, Phase: plan.PhaseServing, Ready: true}
		book.Set(ledger.Owner{Kind: "status", ID: id}, ledger.StatusRecords(status, heads.Main, nil))
	}
	var edits []repo.Edit
	for _, e := range book.Edits() {
		edits = append(edits, repo.Edit(e))
	}
	_, err = r.Publish(ctx, heads.Status, edits, "a fleet as wanted")
	return err
}

// run runs the program once and returns how long that took, its start included.
func (s *suite) run(ctx context.Context, p *past, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, s.mainstay(), append(args, "--hub", p.hub(), "--dir", filepath.Join(p.dir, "none"))...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "XDG_CACHE_HOME=" + filepath.Join(p.dir, "cache"),
		"MAINSTAY_AUTHOR=bench <bench@localhost>", "GIT_CONFIG_GLOBAL=/dev/null"}
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("mainstay %s: %w\n%s", joined(args), err, out)
	}
	return took, nil
}
