package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/mainstaydb/mainstay/cmd/mainstay/controlplane"
	"github.com/mainstaydb/mainstay/cmd/mainstay/daemon"
	"github.com/mainstaydb/mainstay/cmd/mainstay/home"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func newServeCommand(a *app) *cobra.Command {
	var file string
	var check bool
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run a control plane on a hub that is run elsewhere",
		Long: `Runs the control plane alone, in the foreground, with its log on standard error. Several may
serve one hub and one cloud at the same time: each action is done by one of them. A signal ends it
and leaves the databases running. What can be configured is in docs/configuration.md. With --check
nothing runs: the file is read, and for a fleet on EC2 AWS is asked whether what it names is there and
may be used. Nothing is changed; the exit code is 1 if something is wrong.`,
		Example: `  mainstay serve --config mainstay.yaml
  mainstay serve --config mainstay.yaml --check
  mainstay serve --config mainstay.yaml --check -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			c, err := daemon.Read(file, repo.CheckHub)
			if err != nil {
				return usageError{err}
			}
			level, err := parseLevel(c.LogLevel)
			if err != nil {
				return err
			}
			if check {
				return a.checkServe(cmd.Context(), file, c)
			}
			log := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
			if file, err = filepath.Abs(file); err != nil {
				return err
			}
			return a.serve(cmd.Context(), c, file, log)
		},
	}
	cmd.Flags().StringVar(&file, "config", "mainstay.yaml", "the configuration")
	cmd.Flags().BoolVar(&check, "check", false, "check the configuration, and on EC2 what it names, and end")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	return cmd
}

func (a *app) serve(ctx context.Context, c daemon.Config, file string, log *slog.Logger) (err error) {
	h, err := home.At(c.Dir)
	if err != nil {
		return err
	}
	lock, err := takeHome(h)
	if err != nil {
		return err
	}
	defer lock.Close()
	ctx, _, stop := untilSignal(ctx)
	defer stop()
	plane, github, err := openPlane(ctx, c, h, file, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.Close()) }()
	group, within := errgroup.WithContext(ctx)
	group.Go(func() error { return plane.Run(within) })
	if github != nil {
		defer func() { err = errors.Join(err, github.Close()) }()
		group.Go(func() error { return github.Run(within) })
		log.Info("reviewing pull requests", "repository", c.GitHub.Repository, "webhook", github.Address())
	}
	log.Info("serving", "hub", c.Hub.URL, "http", plane.Address())
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	log.Info("ended; the databases run on")
	return nil
}

// openPlane puts the control plane of a configuration together, with who speaks with
// GitHub, if there is one, and tells the commands where it is.
func openPlane(ctx context.Context, c daemon.Config, h home.Home, file string, log *slog.Logger) (*controlplane.Plane, *reviewer, error) {
	store, world, err := openWorld(ctx, c, log)
	if err != nil {
		return nil, nil, err
	}
	password := ""
	if c.Hub.PasswordFile != "" {
		if password, err = readPassword(c.Hub.PasswordFile); err != nil {
			return nil, nil, err
		}
	}
	holder, err := h.Holder()
	if err != nil {
		return nil, nil, err
	}
	controlplane.SpareMemory()
	clone, err := repo.Open(ctx, repo.Options{
		Dir: h.Clone(), Hub: c.Hub.URL, User: c.Hub.User, Password: password,
		Author: repo.Author{Name: "mainstay", Email: "mainstay@localhost"}, Logger: log,
	})
	if err != nil {
		return nil, nil, err
	}
	plane, err := controlplane.Open(ctx, controlplane.Config{
		Repo: clone, World: world, Secrets: store, Listen: c.Listen, Holder: holder, Log: log,
	})
	if err != nil {
		return nil, nil, errors.Join(err, clone.Close())
	}
	var github *reviewer
	if c.GitHub != nil {
		github, err = openReviewer(ctx, reviewing{config: c, home: h, password: password, store: store, registry: plane.Registry(), wake: plane.Wake, log: log})
		if err != nil {
			return nil, nil, errors.Join(err, plane.Close())
		}
	}
	err = h.WriteRun(home.Run{
		PID: os.Getpid(), Hub: c.Hub.URL, User: c.Hub.User, PasswordFile: c.Hub.PasswordFile, HTTP: plane.Address(), Config: file,
	})
	if err != nil {
		if github != nil {
			err = errors.Join(err, github.Close())
		}
		return nil, nil, errors.Join(err, plane.Close())
	}
	return plane, github, nil
}
