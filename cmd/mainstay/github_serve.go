package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/cmd/mainstay/daemon"
	"github.com/mainstaydb/mainstay/cmd/mainstay/home"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/mainstaydb/mainstay/webhooks"
	"github.com/mainstaydb/mainstay/webhooks/github"
	"github.com/mainstaydb/mainstay/webhooks/notes"
	"github.com/mainstaydb/mainstay/webhooks/queue"
)

// A reviewer is the part of a control plane that speaks with GitHub.
type reviewer struct {
	cfg      *daemon.Webhook // nil: nothing is listened for
	worker   *webhooks.Worker
	endpoint *webhooks.Endpoint
	listener net.Listener
	log      *slog.Logger
	close    []func() error
}

// A reviewing is what a reviewer is made of.
type reviewing struct {
	config   daemon.Config
	home     home.Home
	password string // of the hub
	store    secrets.Store
	registry prometheus.Registerer
	wake     func() // the control plane
	log      *slog.Logger
}

// openReviewer puts it together. GitHub is asked nothing before Run: one that is away
// must not keep the control plane from the databases.
func openReviewer(ctx context.Context, o reviewing) (r *reviewer, err error) {
	g := o.config.GitHub
	r = &reviewer{cfg: g.Webhook, log: o.log.With("part", "github")}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	api, err := github.New(github.Options{
		BaseURL: g.URL, App: g.App, PrivateKey: secretAt(g.PrivateKey, o.store), Token: secretAt(g.Token, o.store),
		Registerer: o.registry, Logger: r.log,
	})
	if err != nil {
		return r, fmt.Errorf("GitHub cannot be asked: %w", err)
	}
	r.close = append(r.close, func() error { api.Close(); return nil })
	dir := filepath.Join(o.home.Root(), "github")
	known, err := notes.Open(filepath.Join(dir, "notes"))
	if err != nil {
		return r, err
	}
	inbox, err := queue.Open(filepath.Join(dir, "queue"), queue.Options{Log: r.log})
	if err != nil {
		return r, err
	}
	r.close = append(r.close, inbox.Close)
	t := target{hub: o.config.Hub.URL, user: o.config.Hub.User, password: o.password, seats: o.home.Clients(), home: o.home}
	clone, err := t.open(ctx, repo.Author{Name: "mainstay", Email: "mainstay@localhost"})
	if err != nil {
		return r, err
	}
	r.close = append(r.close, clone.Close)
	if err := clone.meet(ctx); err != nil {
		return r, err
	}
	repository := repositoryOf(g.Repository)
	r.worker, err = webhooks.New(webhooks.Config{
		Repository: repository, Base: g.Branch, Dir: g.Dir, Drafts: g.Drafts, Render: webhooks.Render(g.Render), Sweep: g.Sweep,
		GitHub: api, Fleet: newBridge(repository, g.People, clone, o.wake), Queue: inbox, Notes: known, Log: r.log,
	})
	if err != nil {
		return r, err
	}
	return r, r.listen(o, repository, inbox)
}

func repositoryOf(name string) webhooks.Repository {
	owner, repository, _ := strings.Cut(name, "/")
	return webhooks.Repository{Owner: owner, Name: repository}
}

func (r *reviewer) listen(o reviewing, repository webhooks.Repository, inbox webhooks.Inbox) (err error) {
	if r.cfg == nil {
		return nil
	}
	var signed []github.Secret
	for _, s := range r.cfg.Secrets() {
		signed = append(signed, secretAt(s, o.store))
	}
	r.endpoint = webhooks.NewEndpoint(webhooks.EndpointConfig{
		Repository: repository, Base: o.config.GitHub.BranchOrMain(), Secrets: all(signed), Inbox: inbox, Log: r.log,
	})
	if r.listener, err = net.Listen("tcp", r.cfg.Listen); err != nil {
		return fmt.Errorf("cannot listen on %s for GitHub's deliveries; choose another address with github.webhook.listen: %w", r.cfg.Listen, err)
	}
	r.close = append(r.close, func() error {
		if err := r.listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// secretAt reads a secret anew whenever it is asked for, so that one can be changed
// without a restart; nil: there is none.
func secretAt(s daemon.Secret, store secrets.Store) github.Secret {
	if path, ok := s.File(); ok {
		return func(context.Context) ([]byte, error) {
			data, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("cannot read the secret %s; check who owns the file: %w", path, pathCause(err))
			}
			return []byte(strings.TrimSpace(string(data))), nil
		}
	}
	if name, ok := s.Name(); ok {
		return func(ctx context.Context) ([]byte, error) {
			value, err := store.Get(ctx, name)
			if errors.Is(err, secrets.ErrNotFound) {
				return nil, fmt.Errorf("the secret store has no %s; put it there with mainstay secret create %[1]s: %w", name, err)
			}
			return []byte(strings.TrimSpace(string(value))), err
		}
	}
	return nil
}

// all reads several secrets; those that are not configured are left out.
func all(from []github.Secret) func(context.Context) ([][]byte, error) {
	return func(ctx context.Context) ([][]byte, error) {
		var values [][]byte
		for _, read := range from {
			if read == nil {
				continue
			}
			value, err := read(ctx)
			if err != nil {
				return nil, err
			}
			values = append(values, value)
		}
		return values, nil
	}
}

// Address is where deliveries arrive; empty: nowhere.
func (r *reviewer) Address() string {
	if r.listener == nil {
		return ""
	}
	return r.listener.Addr().String()
}

// Run works until ctx is done.
func (r *reviewer) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.worker.Run(ctx) })
	if r.listener != nil {
		group.Go(func() error { return r.serve(ctx) })
	}
	return group.Wait()
}

const (
	// deliveryBound ends connections of who sends nothing, and of who reads no answer:
	// GitHub itself gives up after ten seconds.
	deliveryBound = 15 * time.Second
	// longestHeader is far more than GitHub sends.
	longestHeader = 32 << 10
)

func (r *reviewer) serve(ctx context.Context) error {
	server := &http.Server{
		Handler: r.endpoint.Handler(), ReadHeaderTimeout: headerTime, ReadTimeout: deliveryBound, WriteTimeout: 2 * deliveryBound,
		IdleTimeout: time.Minute, MaxHeaderBytes: longestHeader, ErrorLog: slog.NewLogLogger(r.log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	serve := func() error { return server.Serve(r.listener) }
	if r.cfg.Cert != "" {
		serve = func() error { return server.ServeTLS(r.listener, r.cfg.Cert, r.cfg.Key) }
	}
	if err := serve(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the endpoint for GitHub on %s ended: %w", r.Address(), err)
	}
	return nil
}

// headerTime is for strangers, who may send a header byte by byte.
const headerTime = 5 * time.Second

// Close lets go of all that it holds. Run must have ended.
func (r *reviewer) Close() error {
	var errs []error
	for i := len(r.close) - 1; i >= 0; i-- {
		errs = append(errs, r.close[i]())
	}
	r.close = nil
	return errors.Join(errs...)
}
