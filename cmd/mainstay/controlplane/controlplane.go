// Package controlplane puts a control plane together: the private clone, the
// world it works in (a World, such as Local), the agents' watchers, the reconciler
// and its HTTP side. mainstay up runs one beside an embedded hub, mainstay serve one
// against any hub.
//
// It promises that Run ends when ctx does and leaves no goroutine, that machines
// run on then until Shutdown, and that the HTTP side listens before Run begins,
// so that a taken port is told at once. It decides nothing about the fleet.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/agentclient"
	"github.com/mainstaydb/mainstay/reconciler/repostore"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"
)

// A Config says what a control plane works with.
type Config struct {
	Repo    *repo.Repo // closed by Close
	Secrets secrets.Store
	// World opens the world that it works in. Machines made there trust the CA.
	World  func(context.Context, *secrets.CA) (*World, error)
	Listen string // loopback address of the HTTP side
	Holder string // names this control plane, for ever
	Poll   time.Duration
	Log    *slog.Logger
}

// A Plane is one control plane.
type Plane struct {
	cfg      Config
	ca       *secrets.CA
	world    *World
	agents   *agentclient.Client
	loop     *reconciler.Reconciler
	listener net.Listener
	registry *prometheus.Registry
}

// Open puts it together; nothing runs before Run.
func Open(ctx context.Context, cfg Config) (*Plane, error) {
	ca, err := secrets.OpenCA(ctx, cfg.Secrets)
	if err != nil {
		return nil, err
	}
	world, err := cfg.World(ctx, ca)
	if err != nil {
		return nil, err
	}
	if err := holdHub(ctx, cfg, world); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s for metrics and health; choose another address with --listen: %w", cfg.Listen, err)
	}
	agents := agentclient.New(agentclient.Options{CA: ca, Secrets: cfg.Secrets, Tokens: world.Tokens, Attestor: world.Attestor,
		Bundles: world.Bundles, Domain: world.domain(), Logger: cfg.Log})
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	loop := reconciler.New(reconciler.Config{
		Store: repostore.Store{Repo: cfg.Repo}, Cloud: world.Cloud, Agents: agents, Check: ci.Check, Missing: missing,
		Names: world.Names, Certificates: world.Certificates, Authority: world.Authority, Agent: world.Agent, Grace: world.Grace,
		Holder: cfg.Holder, Log: cfg.Log, Registry: registry, Poll: cfg.Poll, Look: world.Look, LookLeast: world.LookLeast,
	})
	return &Plane{cfg: cfg, ca: ca, world: world, agents: agents, loop: loop, listener: listener, registry: registry}, nil
}

// hubSecret says whose secrets these are: the first commit of the hub's main.
const hubSecret = "fleet/hub"

// holdHub refuses another hub than the one that a shared world is kept by: to each of
// two hubs the other's machines would be on no record, and be removed in the end.
func holdHub(ctx context.Context, cfg Config, w *World) error {
	if !w.Shared {
		return nil
	}
	origin, err := cfg.Repo.Origin(ctx, repo.MainBranch)
	if err != nil {
		return fmt.Errorf("the hub's history cannot be read; if it is new, make it a fleet's with mainstay init --hub: %w", err)
	}
	stands, err := cfg.Secrets.Create(ctx, hubSecret, []byte(origin))
	if err != nil {
		return err
	}
	if string(stands) != origin {
		return fmt.Errorf("a fleet of this name has secrets here already, and its hub began with commit %s, this one with %s; give this fleet another name, "+
			"or if this hub takes the place of that one, delete the secret %s", stands, origin, hubSecret)
	}
	return nil
}

// missing says which approvals a commit of main lacks.
func missing(base *specs.Snapshot, changes []specs.RowChange, authors, approvals []string) []specs.Finding {
	return ci.Missing(base, changes, repo.MainBranch, authors, approvals)
}

// Address is where the HTTP side listens.
func (p *Plane) Address() string { return p.listener.Addr().String() }

// Registry takes metrics that are served beside the control plane's own.
func (p *Plane) Registry() prometheus.Registerer { return p.registry }

// CA is the certificate of the fleet's authority, PEM.
func (p *Plane) CA() []byte { return p.ca.PEM() }

// Wake asks for a look at the hub soon.
func (p *Plane) Wake() { p.loop.Wake() }

// SetFleetCondition states a fact about the fleet, or ends it with no message.
func (p *Plane) SetFleetCondition(kind, reason, message string) {
	if message == "" {
		reason = ""
	}
	p.loop.SetFleetCondition(kind, reason, message)
}

// Run works until ctx is done.
func (p *Plane) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range p.world.Run {
		group.Go(func() error { return run(ctx) })
	}
	group.Go(func() error { return p.agents.Run(ctx) })
	group.Go(func() error { return p.loop.Run(ctx) })
	group.Go(func() error { return p.serveHTTP(ctx) })
	return group.Wait()
}

// headerBound ends connections that send nothing: nobody on loopback needs
// longer for a request's first lines.
const headerBound = 5 * time.Second

func (p *Plane) serveHTTP(ctx context.Context) error {
	server := &http.Server{Handler: p.loop.Handler(), ReadHeaderTimeout: headerBound}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the HTTP side on %s ended: %w", p.Address(), err)
	}
	return nil
}

// Shutdown stops the machines of the local cloud; their volumes stay. Those of
// other clouds run on.
func (p *Plane) Shutdown(ctx context.Context) error {
	if p.world.Shutdown == nil {
		return nil
	}
	return p.world.Shutdown(ctx)
}

// Close lets go of the clone and the port. Run must have ended.
func (p *Plane) Close() error {
	err := p.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return errors.Join(err, p.cfg.Repo.Close())
}
