package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/mainstaydb/mainstay/agent/alone"
	"github.com/mainstaydb/mainstay/cmd/mainstay/home"
	"github.com/mainstaydb/mainstay/cmd/mainstay/hub"
	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/reconciler/local"
	"github.com/spf13/cobra"
)

func newDownCommand(a *app) *cobra.Command {
	var purge, yes bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop whatever is left of a fleet here; --purge deletes it",
		Long: `Stops the control plane of the directory, its databases and its hub, also what a crash left
behind. All data is kept, and mainstay up resumes; --purge deletes every database and the desired
state.`,
		Example: `  mainstay down
  mainstay down --purge --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if yes && !purge {
				return usagef("--yes answers the question of --purge; give both or none")
			}
			return a.down(cmd.Context(), purge, yes)
		},
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "delete the fleet: its databases, their data and the desired state")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask before --purge")
	return cmd
}

func (a *app) down(ctx context.Context, purge, yes bool) error {
	h, err := home.At(a.dir)
	if err != nil {
		return err
	}
	if !h.Exists() {
		fmt.Fprintf(a.stderr, "there is no fleet in %s: nothing to stop\n", display(h.Root()))
		return nil
	}
	if purge && !yes {
		if err := a.confirm(ctx, fmt.Sprintf("Delete every database in %s, for ever? Type yes: ", display(h.Root()))); err != nil {
			return err
		}
	}
	lock, err := endControlPlane(ctx, h)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := stopLeft(ctx, h); err != nil {
		return err
	}
	if !purge {
		fmt.Fprintf(a.stderr, "stopped; all data is kept in %s\n", display(h.Root()))
		return nil
	}
	if err := purgeHome(ctx, h); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "deleted the fleet in %s\n", display(h.Root()))
	return nil
}

// confirm asks on a terminal; a script has to say --yes.
func (a *app) confirm(ctx context.Context, question string) error {
	if !render.IsTerminal(a.stdin) {
		return usagef("--purge deletes all data; add --yes to say that this is meant")
	}
	fmt.Fprint(a.stderr, question)
	answer := make(chan string, 1)
	go func() { // ends with the process at the latest: a read of a terminal cannot be called off
		line, _ := bufio.NewReader(a.stdin).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case got := <-answer:
		if got == "yes" {
			return nil
		}
		return refusef("nothing was deleted")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// downBound is for a control plane that stops many databases in order.
const downBound = 3 * time.Minute

// endControlPlane takes the directory, from the control plane that has it where
// one does.
func endControlPlane(ctx context.Context, h home.Home) (*alone.Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, downBound)
	defer cancel()
	asked := 0
	for {
		lock, err := h.Lock()
		if !errors.Is(err, home.ErrHeld) {
			return lock, err
		}
		// Asked once: a second signal would make it not wait for what it stops.
		if pid := h.PID(); pid != 0 && pid != asked {
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
				return nil, fmt.Errorf("cannot end the control plane (process %d); run this as its user: %w", pid, err)
			}
			asked = pid
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the control plane (process %d) does not end; end it by hand and run mainstay down again: %w", asked, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stopLeft stops what no control plane looks after any more.
func stopLeft(ctx context.Context, h home.Home) error {
	if _, err := os.Stat(h.Cloud()); err == nil {
		cloud, err := local.Open(ctx, local.Options{Dir: h.Cloud()})
		if err != nil {
			return err
		}
		if err := cloud.Shutdown(ctx); err != nil {
			return err
		}
	}
	return hub.Stop(ctx, h.Hub())
}

// purgeHome removes what Mainstay made, and the directory if nothing else is in it.
func purgeHome(ctx context.Context, h home.Home) error {
	if _, err := os.Stat(h.Cloud()); err == nil {
		cloud, err := local.Open(ctx, local.Options{Dir: h.Cloud()})
		if err != nil {
			return err
		}
		if err := cloud.Purge(ctx); err != nil {
			return err
		}
	}
	return h.Remove()
}
