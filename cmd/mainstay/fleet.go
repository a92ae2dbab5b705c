package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/controlplane"
	"github.com/mainstaydb/mainstay/cmd/mainstay/home"
	"github.com/mainstaydb/mainstay/cmd/mainstay/hub"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
	"github.com/mainstaydb/mainstay/specs/repo"
	"golang.org/x/sync/errgroup"
)

// A fleet is what mainstay up runs: the embedded hub with a control plane on it.
type fleet struct {
	app      *app
	opts     upOptions
	home     home.Home
	programs programs
	log      *slog.Logger

	secrets  *secrets.Dir
	password string // of the hub
	hub      *hub.Hub
	plane    *controlplane.Plane
	clone    *repo.Repo
	fresh    bool // the example fleet was made in this run
}

// pollSelf is how often the loop asks the hub by itself. The watcher wakes it as
// soon as there is something, so this is for the case that the watcher is blind.
const pollSelf = 10 * time.Second

// run starts everything, and stops everything when ctx ends. A done hurry ends
// the wait for what is stopping.
func (f *fleet) run(ctx, hurry context.Context) error {
	err := f.start(ctx)
	if err == nil {
		err = f.work(ctx)
	}
	if ctx.Err() != nil {
		err = nil // a person ended it; what they ended is no failure
	}
	return errors.Join(err, f.stop(hurry))
}

func (f *fleet) start(ctx context.Context) error {
	if err := f.startHub(ctx); err != nil {
		return err
	}
	if err := f.openClone(ctx); err != nil {
		return err
	}
	holder, err := f.home.Holder()
	if err != nil {
		return err
	}
	f.plane, err = controlplane.Open(ctx, controlplane.Config{
		Repo: f.clone, World: controlplane.Local{
			Dir: f.home.Cloud(), VersionsDir: f.programs.versions, AgentBinary: f.programs.agent, Log: f.log,
		}.Open,
		Secrets: f.secrets, Listen: f.opts.listen, Holder: holder, Poll: pollSelf, Log: f.log,
	})
	if err != nil {
		return err
	}
	if err := home.WriteFile(f.home.CA(), f.plane.CA()); err != nil {
		return err
	}
	return f.home.WriteRun(home.Run{
		PID: os.Getpid(), Hub: f.hub.URL(), User: hub.User, SQLPort: f.hub.SQLPort(),
		HTTP: f.plane.Address(), Secrets: f.home.Secrets(),
	})
}

// hubSecret is what the secret store knows the hub's password by.
const hubSecret = "hub"

func (f *fleet) startHub(ctx context.Context) (err error) {
	if f.secrets, err = secrets.OpenDir(f.home.Secrets(), secrets.KeyFile(f.home.SecretsKey())); err != nil {
		return err
	}
	if f.password, err = secrets.Password(ctx, f.secrets, hubSecret); err != nil {
		return err
	}
	bootstrap, err := secrets.Password(ctx, f.secrets, hubSecret+"-bootstrap")
	if err != nil {
		return err
	}
	f.hub, err = hub.Open(hub.Config{
		Dir: f.home.Hub(), Binary: f.programs.dolt, SQLPort: f.opts.hubPort, RemotePort: f.opts.remotePort,
		Password: f.password, Bootstrap: bootstrap, Log: f.log,
	})
	if err != nil {
		return err
	}
	return f.hub.Start(ctx)
}

// openClone clones the hub or opens the clone, and makes the example fleet on a
// hub that is empty.
func (f *fleet) openClone(ctx context.Context) (err error) {
	controlplane.SpareMemory()
	f.clone, err = repo.Open(ctx, repo.Options{
		Dir: f.home.Clone(), Hub: f.hub.URL(), User: hub.User, Password: f.password,
		Author: repo.Author{Name: "mainstay", Email: "mainstay@localhost"}, Logger: f.log,
	})
	if err != nil {
		return err
	}
	err = f.clone.Init(ctx, seedSQL)
	f.fresh = err == nil
	if errors.Is(err, repo.ErrInitialised) {
		return f.migrate(ctx)
	}
	return err
}

// migrate brings a hub that an older program made up to date: it is ours alone.
func (f *fleet) migrate(ctx context.Context) error {
	if _, err := f.clone.Fetch(ctx); err != nil {
		return err
	}
	err := f.clone.CheckSchema(ctx)
	if !errors.Is(err, repo.ErrOlderSchema) {
		return err
	}
	f.log.Info("the hub's schema is brought up to date", "err", err)
	return f.clone.Migrate(ctx)
}

// work keeps everything going until ctx ends or something cannot go on.
func (f *fleet) work(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	show := newProgress(f)
	watcher := &hub.Watcher{
		Files: f.hub.Files(), Port: f.hub.SQLPort(), Password: f.password, Log: f.log,
		Moved: func(branch, _ string) {
			if branch == "main" {
				f.plane.Wake()
			}
			show.nudge()
		},
		Dirty: func(message string) { f.plane.SetFleetCondition("UncommittedRows", "Uncommitted", message) },
	}
	group.Go(func() error { return f.hub.Run(ctx) })
	group.Go(func() error { return watcher.Run(ctx) })
	group.Go(func() error { return f.plane.Run(ctx) })
	group.Go(func() error { return show.run(ctx) })
	return group.Wait()
}

// stop ends what was started, the last first: machines may still want to say
// something to nobody, but the hub must see the last push.
func (f *fleet) stop(hurry context.Context) error {
	var errs []error
	if f.plane != nil {
		fmt.Fprintln(f.app.stderr, "\nstopping the databases and the hub; all data is kept (Ctrl-C again does not wait)")
		errs = append(errs, f.plane.Shutdown(hurry), f.plane.Close())
	} else if f.clone != nil {
		errs = append(errs, f.clone.Close())
	}
	if f.hub != nil {
		errs = append(errs, f.hub.Stop(hurry))
	}
	if hurry.Err() != nil {
		return fmt.Errorf("did not wait for what is stopping; mainstay down makes sure that all has ended (%w)", errors.Join(errs...))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if f.plane != nil {
		fmt.Fprintln(f.app.stderr, "stopped; mainstay up resumes")
	}
	return nil
}
