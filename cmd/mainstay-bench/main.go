// Command mainstay-bench measures Mainstay against what one would do by hand: how
// long planning takes at growing sizes, what a large fleet takes of memory, what a
// look at proposals, history and status costs with a large fleet and a long history,
// how long a merged row needs to become a serving database, and what an idle fleet
// costs. It prints Markdown, keeps its figures as JSON and draws a plot of them.
//
// Figures of one run are compared with figures of the same run: machines differ
// and are noisy, ratios hold.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A suite is what all measurements share.
type suite struct {
	build string // directory with bin/, dolt/ and tofu/
	dir   string // scratch
	fleet int    // deployments in the measurements with real servers
	pairs int    // repetitions of what is measured against a bare server
	// rounds are repetitions of what is measured against a fleet of bare servers
	rounds  int
	idle    time.Duration
	results results
}

func main() {
	signal.Ignore(syscall.SIGPIPE) // a reader that has seen enough must not leave a fleet running
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mainstay-bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var s suite
	only := flag.String("only", "plan,memory,review,serve,fleet", "which to run")
	flag.StringVar(&s.build, "build", "build", "directory that make build wrote")
	flag.IntVar(&s.fleet, "fleet", 50, "deployments to start from one commit")
	flag.IntVar(&s.pairs, "pairs", 15, "repetitions against a bare server")
	flag.IntVar(&s.rounds, "rounds", 5, "repetitions against a fleet of bare servers")
	flag.DurationVar(&s.idle, "idle", time.Minute, "how long to watch an idle fleet")
	keep := flag.Bool("keep", false, "keep the scratch directory, to look at logs")
	figures := flag.String("json", "", "write the figures to this file")
	plot := flag.String("svg", "", "draw the times of planning into this file")
	from := flag.String("from", "", "measure nothing; draw the figures that -json wrote to this file")
	world := flag.String("still", "", "internal: be the control plane of this directory, whose memory is measured")
	flag.Parse()
	switch {
	case *world != "":
		return still(ctx, *world)
	case *from != "":
		var err error
		if s.results, err = readResults(*from); err != nil {
			return err
		}
	default:
		if err := s.measure(ctx, *only, *keep); err != nil {
			return err
		}
	}
	return s.results.save(*figures, *plot)
}

// save writes figures and plot to the files that are named.
func (r *results) save(figures, plot string) (err error) {
	if figures != "" {
		err = r.write(figures)
	}
	if plot != "" {
		err = errors.Join(err, os.WriteFile(plot, r.plot(), 0o644))
	}
	return err
}

// measure runs what only names, in a scratch directory.
func (s *suite) measure(ctx context.Context, only string, keep bool) (err error) {
	if s.build, err = filepath.Abs(s.build); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "mainstay-bench-"); err != nil {
		return err
	}
	if keep {
		fmt.Fprintln(os.Stderr, "scratch:", s.dir)
	} else {
		defer os.RemoveAll(s.dir)
	}
	s.results.Machine = s.describe(ctx)
	s.results.Machine.write(os.Stdout)
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{{"plan", s.planning}, {"memory", s.remembering}, {"review", s.review}} {
		if !strings.Contains(only, part.name) {
			continue
		}
		if err := part.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	if strings.Contains(only, "serve") || strings.Contains(only, "fleet") {
		return s.serving(ctx, strings.Contains(only, "serve"), strings.Contains(only, "fleet"))
	}
	return nil
}

// mainstay is the program as people run it.
func (s *suite) mainstay() string { return filepath.Join(s.build, "bin", "mainstay") }
