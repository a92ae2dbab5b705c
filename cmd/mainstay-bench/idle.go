package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// idling measures what a fleet at rest costs: the control plane's processor time,
// the hub's, and commits on status.
func (s *suite) idling(ctx context.Context, r *running) error {
	if err := r.rest(ctx); err != nil {
		return err
	}
	hub, err := r.hubPID()
	if err != nil {
		return err
	}
	commits, err := r.statusCommits(ctx)
	if err != nil {
		return err
	}
	plane, hubBefore := cpu(r.cmd.Process.Pid), cpu(hub)
	start := time.Now()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.idle):
	}
	took, planeAfter, hubAfter := time.Since(start), cpu(r.cmd.Process.Pid), cpu(hub)
	after, err := r.statusCommits(ctx)
	if err != nil {
		return err
	}
	at := atRest{Took: took, Plane: planeAfter - plane, Hub: hubAfter - hubBefore, Resident: resident(r.cmd.Process.Pid), Commits: after - commits}
	if err := r.hub.QueryRowContext(ctx, "SELECT count(*) FROM deployments").Scan(&at.Deployments); err != nil {
		return err
	}
	s.results.Rest = &at
	at.write(os.Stdout)
	return nil
}

func (a atRest) write(w io.Writer) {
	fmt.Fprintf(w, "| %d deployments at rest for %s | |\n|---|---|\n", a.Deployments, a.Took.Round(time.Second))
	fmt.Fprintf(w, "| control plane | %.2f %% of one core, %.0f MB resident |\n", percent(a.Plane, a.Took), megabytes(a.Resident))
	fmt.Fprintf(w, "| hub (`dolt sql-server`) | %.2f %% of one core |\n", percent(a.Hub, a.Took))
	fmt.Fprintf(w, "| commits on `status` | %d |\n\n", a.Commits)
}

// rest waits until nothing is under way and everything is recorded.
func (r *running) rest(ctx context.Context) error {
	return until(ctx, "the fleet is at rest", func() error {
		var claims int
		if err := r.hub.QueryRowContext(ctx, "SELECT count(*) FROM `fleet/status`.claims").Scan(&claims); err != nil || claims > 0 {
			return fmt.Errorf("%d claims: %w", claims, err)
		}
		return nil
	})
}

func (r *running) statusCommits(ctx context.Context) (n int, err error) {
	err = r.hub.QueryRowContext(ctx, "SELECT count(*) FROM dolt_log('status')").Scan(&n)
	return n, err
}

// hubPID finds the hub by its configuration file.
func (r *running) hubPID() (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil && strings.Contains(string(line), filepath.Join(r.dir, "hub")) {
			return strconv.Atoi(e.Name())
		}
	}
	return 0, fmt.Errorf("the hub of %s does not run", r.dir)
}

// tick is the unit of times in /proc/<pid>/stat; 100 a second on every Linux.
const tick = 10 * time.Millisecond

// cpu is the processor time a process has used.
func cpu(pid int) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick
}

// resident is a process's memory, bytes.
func resident(pid int) uint64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseUint(strings.Fields(string(data))[1], 10, 64)
	return pages * uint64(os.Getpagesize())
}

func percent(used, of time.Duration) float64 { return 100 * used.Seconds() / of.Seconds() }
