package main

import (
	"context"
	"fmt"
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
	first, took          map[string][]time.Duration // by command
}

func (p *past) hub() string { return "file://" + filepath.Join(p.dir, "hub") }

// looks are the commands that must not cost what the fleet is large or its history
// long. The deployment that is asked for was changed by the newest commits.
func looks() [][]string {
	return [][]string{
		{"pr", "check", "1"}, {"log", "-n", "20"}, {"blame", "db-000050"}, {"diff", "main~1", "main"},
	}
}

// review measures the program itself, as a person runs it, on a small fleet with a
// short history and on a large one with a long history, in turns.
func (s *suite) review(ctx context.Context) error {
	small, err := s.past(ctx, 100, 10)
	if err != nil {
		return err
	}
	large, err := s.past(ctx, 10_000, 1_000)
	if err != nil {
		return err
	}
	for i := range s.pairs + 1 {
		for _, look := range looks() {
			for _, p := range []*past{small, large} {
				took, err := s.run(ctx, p, look...)
				if err != nil {
					return err
				}
				into := p.took
				if i == 0 {
					into = p.first
				}
				into[look[0]] = append(into[look[0]], took)
			}
		}
	}
	fmt.Printf("| the program, %d times in turns | %d deployments, %d commits | %d deployments, %d commits | times | the first time in a clone |\n|---|---|---|---|---|\n",
		s.pairs, small.deployments, small.commits, large.deployments, large.commits)
	for _, look := range looks() {
		a, b := small.took[look[0]], large.took[look[0]]
		fmt.Printf("| `mainstay %s` | %s | %s | %.2f | %s, %s |\n", joined(look), spread(a), spread(b), ratio(median(b), median(a)),
			ms(small.first[look[0]][0]), ms(large.first[look[0]][0]))
	}
	fmt.Println()
	return nil
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
	p := &past{deployments: deployments, commits: commits, dir: filepath.Join(s.dir, fmt.Sprint("past-", deployments)),
		first: map[string][]time.Duration{}, took: map[string][]time.Duration{}}
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
	var edits []repo.Edit
	add := func(records []ledger.Record) {
		for _, rec := range records {
			edits = append(edits, repo.Edit{Table: rec.Table, Row: rec.Row})
		}
	}
	for id, in := range healthy(snapshot) {
		add(ledger.EntryRecords(in.Entry))
		add(ledger.MachineRecords(in.Machines[0]))
		add(ledger.VolumeRecords(in.Volumes[0]))
		add(ledger.AgentRecords(in.Machines[0].ID, in.Agents[in.Machines[0].ID]))
		add(ledger.StatusRecords(plan.Status{ID: id, Name: in.Row.Name, Phase: plan.PhaseServing, Ready: true}, heads.Main, nil))
	}
	_, err = r.Publish(ctx, heads.Status, edits, "a fleet as wanted")
	return err
}

// run runs the program once and returns how long that took, its start included.
func (s *suite) run(ctx context.Context, p *past, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.build, "bin", "mainstay"), append(args, "--hub", p.hub(), "--dir", filepath.Join(p.dir, "none"))...)
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
