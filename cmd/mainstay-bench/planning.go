package main

import (
	"context"
	"fmt"
	"io"
	"os"
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
	Size    int    `json:"size"`
	Load    times  `json:"load"`               // rows to values
	Decide  times  `json:"decide"`             // values to a plan
	One     times  `json:"one"`                // from a one-row commit to its plan
	Heap    uint64 `json:"heap"`               // bytes, of values and what is observed
	Tofu    times  `json:"tofu,omitempty"`     // OpenTofu's no-op plan of as many resources
	TofuOne times  `json:"tofu_one,omitempty"` // its plan of one change
}

// whole is a full load and plan.
func (p planned) whole() time.Duration { return p.Load.median() + p.Decide.median() }

// turns is how often a full load and plan is measured: some seconds at the largest size.
const turns = 7

// planning measures sizes of a hundred to a hundred thousand.
func (s *suite) planning(ctx context.Context) error {
	for _, n := range []int{100, 1_000, 10_000, 100_000} {
		p, err := s.planAt(ctx, n)
		if err != nil {
			return err
		}
		if err := s.tofu(ctx, &p); err != nil {
			return err
		}
		s.results.Planning = append(s.results.Planning, p)
	}
	s.results.writePlanning(os.Stdout)
	return nil
}

func (r *results) writePlanning(w io.Writer) {
	fmt.Fprintln(w, "| deployments | full load | full plan | load + plan | one-row commit to plan | heap | `tofu plan`, no change | `tofu plan`, one change |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	for _, p := range r.Planning {
		fmt.Fprintf(w, "| %d | %v | %v | %v | %v | %.1f MB | %s | %s |\n", p.Size, ms(p.Load.median()), ms(p.Decide.median()), ms(p.whole()), ms(p.One.median()),
			megabytes(p.Heap), p.Tofu.orDash(), p.TofuOne.orDash())
	}
	fmt.Fprintln(w)
	if small, big := r.at(1_000), r.at(100_000); small != nil && big != nil {
		fmt.Fprintf(w, "One row at %d costs %.2f times one row at %d.\n", big.Size, ratio(big.One.median(), small.One.median()), small.Size)
	}
	for _, p := range r.Planning {
		if len(p.Tofu) > 0 {
			fmt.Fprintf(w, "At %d: a full load and plan is %.0f times faster than `tofu plan`, a one-row plan %.0f times.\n",
				p.Size, ratio(p.Tofu.median(), p.whole()), ratio(p.TofuOne.median(), p.One.median()))
		}
	}
	fmt.Fprintln(w)
}

func (s *suite) planAt(ctx context.Context, n int) (planned, error) {
	p := planned{Size: n}
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
	snapshot, err := p.load(ctx, r, heads.Main)
	if err != nil {
		return p, err
	}
	world := healthy(snapshot)
	for range turns {
		start := time.Now()
		if actions := decideAll(snapshot, world); actions != 0 {
			return p, fmt.Errorf("a fleet as wanted has %d actions", actions)
		}
		p.Decide = append(p.Decide, time.Since(start))
	}
	p.Heap = heap() - before
	p.One, err = oneRow(ctx, r, snapshot, world)
	runtime.KeepAlive(world)
	return p, err
}

// load reads all rows again and again, and returns what the last time gave.
func (p *planned) load(ctx context.Context, r *repo.Repo, commit string) (snapshot *specs.Snapshot, err error) {
	for range turns {
		start := time.Now()
		if snapshot, err = r.Snapshot(ctx, commit); err != nil {
			return nil, err
		}
		p.Load = append(p.Load, time.Since(start))
	}
	return snapshot, nil
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

// oneRow measures the time from a pushed commit that changed one row to its
// plan, the way the loop goes: fetch, steps, changes, check, apply, decide.
func oneRow(ctx context.Context, r *repo.Repo, s *specs.Snapshot, world map[string]*plan.Input) (times, error) {
	heads, err := r.Fetch(ctx)
	if err != nil {
		return nil, err
	}
	var took times
	for i := range 15 {
		statement := fmt.Sprintf("UPDATE deployments SET volume_gb = %d WHERE name = 'db-000050'", 20+i)
		if _, err := r.Change(ctx, repo.MainBranch, statement, "grow"); err != nil {
			return nil, err
		}
		start := time.Now()
		next, err := r.Fetch(ctx)
		if err != nil {
			return nil, err
		}
		if _, _, err := r.Steps(ctx, heads.Main, next.Main); err != nil {
			return nil, err
		}
		changes, err := r.Changes(ctx, heads.Main, next.Main)
		if err != nil {
			return nil, err
		}
		if found := append(ci.Check(s, changes), s.Apply(changes)...); len(specs.Errors(found)) > 0 {
			return nil, fmt.Errorf("refused: %v", found)
		}
		in := *world[changes[0].Key]
		in.Row = s.Deployments[changes[0].Key]
		outs := plan.Fleet(plan.FleetInput{Limits: s.Limits, Outcomes: []plan.Outcome{plan.Deployment(in)}})
		took = append(took, time.Since(start))
		if len(outs[0].Actions) != 1 {
			return nil, fmt.Errorf("one grown volume gave %d actions", len(outs[0].Actions))
		}
		heads = next
	}
	return took, nil
}

// heap is what is in use after collections: what has a finalizer goes with the second.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
