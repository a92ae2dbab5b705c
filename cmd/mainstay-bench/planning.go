package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// A planned is what planning took at one size.
type planned struct {
	size    int
	load    time.Duration // rows to values
	decide  time.Duration // values to a plan
	one     time.Duration // from a one-row commit to its plan
	heap    uint64        // bytes, of values and what is observed
	tofu    time.Duration // OpenTofu's no-op plan of as many resources
	tofuOne time.Duration // its plan of one change
}

// planning measures sizes of a thousand to a hundred thousand.
func (s *suite) planning(ctx context.Context) error {
	fmt.Println("| deployments | full load | full plan | load + plan | one-row commit to plan | heap | `tofu plan`, no change | `tofu plan`, one change |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	var all []planned
	for _, n := range []int{1_000, 10_000, 100_000} {
		p, err := s.planAt(ctx, n)
		if err != nil {
			return err
		}
		if err := s.tofu(ctx, &p); err != nil {
			return err
		}
		fmt.Printf("| %d | %v | %v | %v | %v | %.1f MB | %s | %s |\n", n, ms(p.load), ms(p.decide), ms(p.load+p.decide), ms(p.one),
			float64(p.heap)/1e6, orDash(p.tofu), orDash(p.tofuOne))
		all = append(all, p)
	}
	small, big := all[0], all[len(all)-1]
	fmt.Printf("\nOne row at %d costs %.2f times one row at %d.\n", big.size, ratio(big.one, small.one), small.size)
	for _, p := range all {
		if p.tofu > 0 {
			fmt.Printf("At %d: a full load and plan is %.0f times faster than `tofu plan`, a one-row plan %.0f times.\n",
				p.size, ratio(p.tofu, p.load+p.decide), ratio(p.tofuOne, p.one))
		}
	}
	fmt.Println()
	return nil
}

func (s *suite) planAt(ctx context.Context, n int) (planned, error) {
	p := planned{size: n}
	dir := filepath.Join(s.dir, fmt.Sprint("plan-", n))
	r, err := repo.Open(ctx, repo.Options{Dir: filepath.Join(dir, "clone"), Hub: "file://" + filepath.Join(dir, "hub"),
		Author: repo.Author{Name: "bench", Email: "bench@localhost"}})
	if err != nil {
		return p, err
	}
	defer r.Close()
	if err := r.Init(ctx, rows(n)); err != nil {
		return p, err
	}
	heads, err := r.Fetch(ctx)
	if err != nil {
		return p, err
	}
	before := heap()
	start := time.Now()
	snapshot, err := r.Snapshot(ctx, heads.Main)
	if err != nil {
		return p, err
	}
	p.load = time.Since(start)
	world := healthy(snapshot)
	start = time.Now()
	if actions := decideAll(snapshot, world); actions != 0 {
		return p, fmt.Errorf("a fleet as wanted has %d actions", actions)
	}
	p.decide = time.Since(start)
	p.heap = heap() - before
	p.one, err = oneRow(ctx, r, snapshot, world)
	runtime.KeepAlive(world)
	return p, err
}

// rows inserts n deployments, some hundreds a statement.
func rows(n int) string {
	const each = 500 // parsing costs more than linearly
	var b strings.Builder
	for i := 0; i < n; i++ {
		if i%each == 0 {
			b.WriteString(";\nINSERT INTO deployments (name) VALUES ")
		} else {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "('db-%06d')", i)
	}
	return strings.TrimPrefix(b.String(), ";\n")
}

// healthy is a world in which every deployment is as its row wants it.
func healthy(s *specs.Snapshot) map[string]*plan.Input {
	now := time.Now()
	world := make(map[string]*plan.Input, len(s.Deployments))
	for id, d := range s.Deployments {
		m := plan.Machine{ID: "m-" + id, Token: "t-" + id, State: plan.MachineRunning, Zone: d.Zone, InstanceType: d.InstanceType}
		slot := plan.Slot{SlotID: plan.SlotID{Deployment: id, Generation: 1}, Token: m.Token, Batch: 1, State: plan.SlotBound,
			MachineID: m.ID, ClaimedAt: now, Shape: plan.Shape{Zone: d.Zone, InstanceType: d.InstanceType}}
		world[id] = &plan.Input{
			Now: now, Row: d, Machines: []plan.Machine{m},
			Entry:   &plan.Entry{Deployment: id, Name: d.Name, VolumeID: "v-" + id, Slots: []plan.Slot{slot}},
			Volumes: []plan.Volume{{ID: "v-" + id, Deployment: id, GB: d.VolumeGB, AttachedTo: m.ID}},
			Agents: map[string]plan.Agent{m.ID: {Reachable: true, Since: now, Enrolled: true, Generation: 1, Database: plan.DatabaseServing,
				DatabaseVersion: d.DoltVersion, VolumeAttached: true,
				Order: &plan.Order{Generation: 1, Deployment: id, Name: d.Name, DoltVersion: d.DoltVersion, Settings: d.Settings}}},
		}
	}
	return world
}

func decideAll(s *specs.Snapshot, world map[string]*plan.Input) (actions int) {
	var outs []plan.Outcome
	for id := range s.Deployments {
		if out := plan.Deployment(*world[id]); !out.Settled() {
			outs = append(outs, out)
		}
	}
	for _, out := range plan.Fleet(plan.FleetInput{Limits: s.Limits, Outcomes: outs}) {
		actions += len(out.Actions)
	}
	return actions
}

// oneRow is the median time from a pushed commit that changed one row to its
// plan, the way the loop goes: fetch, steps, changes, check, apply, decide.
func oneRow(ctx context.Context, r *repo.Repo, s *specs.Snapshot, world map[string]*plan.Input) (time.Duration, error) {
	heads, err := r.Fetch(ctx)
	if err != nil {
		return 0, err
	}
	var took []time.Duration
	for i := range 15 {
		statement := fmt.Sprintf("UPDATE deployments SET volume_gb = %d WHERE name = 'db-000500'", 20+i)
		if _, err := r.Change(ctx, repo.MainBranch, statement, "grow"); err != nil {
			return 0, err
		}
		start := time.Now()
		next, err := r.Fetch(ctx)
		if err != nil {
			return 0, err
		}
		if _, _, err := r.Steps(ctx, heads.Main, next.Main); err != nil {
			return 0, err
		}
		changes, err := r.Changes(ctx, heads.Main, next.Main)
		if err != nil {
			return 0, err
		}
		if found := append(ci.Check(s, changes), s.Apply(changes)...); len(specs.Errors(found)) > 0 {
			return 0, fmt.Errorf("refused: %v", found)
		}
		in := *world[changes[0].Key]
		in.Row = s.Deployments[changes[0].Key]
		outs := plan.Fleet(plan.FleetInput{Limits: s.Limits, Outcomes: []plan.Outcome{plan.Deployment(in)}})
		took = append(took, time.Since(start))
		if len(outs[0].Actions) != 1 {
			return 0, fmt.Errorf("one grown volume gave %d actions", len(outs[0].Actions))
		}
		heads = next
	}
	return median(took), nil
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// maxTofu is the largest size OpenTofu is asked for: it needs a minute and a half
// for ten thousand resources, and more than linearly longer beyond.
const maxTofu = 10_000

// tofu measures OpenTofu on as many built-in resources, when it is there.
func (s *suite) tofu(ctx context.Context, p *planned) error {
	program, err := exec.LookPath("tofu")
	if err != nil || p.size > maxTofu {
		return nil
	}
	dir := filepath.Join(s.dir, fmt.Sprint("tofu-", p.size))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	write := func(first int) error {
		config := fmt.Sprintf(`resource "terraform_data" "db" {
  count = %d
  input = count.index == 500 ? %d : 10
}
`, p.size, first)
		return os.WriteFile(filepath.Join(dir, "main.tf"), []byte(config), 0o644)
	}
	tofu := func(args ...string) (time.Duration, error) {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Dir = dir
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("tofu %s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return time.Since(start), nil
	}
	if err := write(10); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "-input=false"}, {"apply", "-auto-approve", "-input=false"}} {
		if _, err := tofu(args...); err != nil {
			return err
		}
	}
	if p.tofu, err = tofu("plan", "-input=false"); err != nil {
		return err
	}
	if err := write(20); err != nil {
		return err
	}
	p.tofuOne, err = tofu("plan", "-input=false")
	return err
}
