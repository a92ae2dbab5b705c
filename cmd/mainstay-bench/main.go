// Command mainstay-bench measures Mainstay against what one would do by hand: how
// long planning takes at growing sizes, what a look at proposals and history costs
// with a large fleet and a long history, how long a merged row needs to become a
// serving database, and what an idle fleet costs. It prints Markdown.
//
// Figures of one run are compared with figures of the same run: machines differ
// and are noisy, ratios hold.
package main

import (
	"context"
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
	build string // directory with bin/ and dolt/
	dir   string // scratch
	fleet int    // deployments in the measurements with real servers
	pairs int    // repetitions of what is measured against a bare server
	// rounds are repetitions of what is measured against a fleet of bare servers
	rounds int
	idle   time.Duration
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
	only := flag.String("only", "plan,review,serve,fleet", "which to run")
	flag.StringVar(&s.build, "build", "build", "directory that make build wrote")
	flag.IntVar(&s.fleet, "fleet", 50, "deployments to start from one commit")
	flag.IntVar(&s.pairs, "pairs", 15, "repetitions against a bare server")
	flag.IntVar(&s.rounds, "rounds", 5, "repetitions against a fleet of bare servers")
	flag.DurationVar(&s.idle, "idle", time.Minute, "how long to watch an idle fleet")
	keep := flag.Bool("keep", false, "keep the scratch directory, to look at logs")
	flag.Parse()
	var err error
	if s.build, err = filepath.Abs(s.build); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "mainstay-bench-"); err != nil {
		return err
	}
	if *keep {
		fmt.Fprintln(os.Stderr, "scratch:", s.dir)
	} else {
		defer os.RemoveAll(s.dir)
	}
	if strings.Contains(*only, "plan") {
		if err := s.planning(ctx); err != nil {
			return fmt.Errorf("planning: %w", err)
		}
	}
	if strings.Contains(*only, "review") {
		if err := s.review(ctx); err != nil {
			return fmt.Errorf("review: %w", err)
		}
	}
	if strings.Contains(*only, "serve") || strings.Contains(*only, "fleet") {
		return s.serving(ctx, strings.Contains(*only, "serve"), strings.Contains(*only, "fleet"))
	}
	return nil
}
