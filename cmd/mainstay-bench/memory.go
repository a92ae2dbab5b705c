package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// A footprint is the memory of a control plane at rest, in bytes.
type footprint struct {
	Deployments int    `json:"deployments"`
	Heap        uint64 `json:"heap"`     // Go's, after a collection
	Resident    uint64 `json:"resident"` // of the process, as the kernel counts it
}

// remembering measures control planes at rest, each a process of its own: one of an
// empty fleet, and one that knows ten thousand deployments.
func (s *suite) remembering(ctx context.Context) error {
	for _, n := range []int{0, 10_000} {
		f, err := s.footprint(ctx, n)
		if err != nil {
			return err
		}
		s.results.Memory = append(s.results.Memory, f)
	}
	s.results.writeMemory(os.Stdout)
	return nil
}

func (r *results) writeMemory(w io.Writer) {
	empty := r.Memory[0]
	fmt.Fprintln(w, "| a control plane at rest, with | Go heap | beyond an empty one | resident | beyond an empty one |\n|---|---|---|---|---|")
	for _, f := range r.Memory {
		fmt.Fprintf(w, "| %d deployments | %.1f MB | %.1f MB | %.0f MB | %.0f MB |\n", f.Deployments,
			megabytes(f.Heap), megabytes(f.Heap)-megabytes(empty.Heap), megabytes(f.Resident), megabytes(f.Resident)-megabytes(empty.Resident))
	}
	fmt.Fprintln(w)
}

// footprint starts a control plane twice on a fleet that is as wanted. The first one
// records what it sees; what it read and wrote for that is no part of a rest.
func (s *suite) footprint(ctx context.Context, n int) (footprint, error) {
	f := footprint{Deployments: n}
	dir := filepath.Join(s.dir, fmt.Sprint("memory-", n))
	if err := layStill(ctx, dir, n); err != nil {
		return f, err
	}
	program, err := os.Executable()
	if err != nil {
		return f, err
	}
	for range 2 {
		cmd := exec.CommandContext(ctx, program, "-still", dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return f, fmt.Errorf("a control plane at rest: %w", err)
		}
		if err := json.Unmarshal(out, &f); err != nil {
			return f, fmt.Errorf("what a control plane at rest told: %w", err)
		}
	}
	f.Deployments = n
	return f, nil
}

// layStill makes a hub with n deployments that are as wanted, and beside it the file
// that is their world.
func layStill(ctx context.Context, dir string, n int) error {
	r, err := repo.Open(ctx, stillRepo(dir))
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.Init(ctx, rows(n)); err != nil {
		return err
	}
	if err := recordHealthy(ctx, r); err != nil {
		return err
	}
	heads, err := r.Fetch(ctx)
	if err != nil {
		return err
	}
	snapshot, err := r.Snapshot(ctx, heads.Main)
	if err != nil {
		return err
	}
	var w stillWorld
	w.Agents = map[string]*plan.Agent{}
	for _, in := range healthy(snapshot) {
		m := in.Machines[0]
		w.Inventory.Machines = append(w.Inventory.Machines, m)
		w.Inventory.Volumes = append(w.Inventory.Volumes, in.Volumes[0])
		agent := in.Agents[m.ID]
		w.Agents[m.ID] = &agent
	}
	data, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "world.json"), data, 0o600)
}

func stillRepo(dir string) repo.Options {
	return repo.Options{Dir: filepath.Join(dir, "clone"), Hub: "file://" + filepath.Join(dir, "hub"),
		Author: repo.Author{Name: "bench", Email: "bench@localhost"}}
}
