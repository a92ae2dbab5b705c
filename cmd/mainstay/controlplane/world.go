package controlplane

import (
	"context"
	"log/slog"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/agentclient"
	"github.com/mainstaydb/mainstay/reconciler/local"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// A World is what a control plane works in beside its hub. What it has not is nil.
type World struct {
	Cloud reconciler.Cloud
	// Shared: others may keep fleets there too, told apart by their names.
	Shared bool
	// Tokens or the Attestor tell how a fresh machine proves which one it is.
	Tokens       agentclient.Tokens
	Attestor     agentclient.Attestor
	Bundles      agentclient.Bundles // the authority's certificates with their keys
	Names        reconciler.Names
	Certificates reconciler.Certificates
	Authority    string // directory of the public authority
	Agent        plan.AgentRelease
	Grace        reconciler.Grace
	Look         time.Duration // how often the cloud is listed; zero: the loop's default
	LookLeast    time.Duration
	// Run is what works beside the loop until its context ends.
	Run []func(context.Context) error
	// Shutdown stops the machines; nil: they run on without a control plane.
	Shutdown func(context.Context) error
}

// domain is the one that names are kept in; empty: none are.
func (w *World) domain() string {
	if w.Names == nil {
		return ""
	}
	return w.Names.Domain()
}

// Local is the cloud on this computer.
type Local struct {
	Dir         string // of machines and volumes
	VersionsDir string // holds <version>/dolt
	AgentBinary string
	Log         *slog.Logger
}

// Open opens it.
func (l Local) Open(ctx context.Context, ca *secrets.CA) (*World, error) {
	cloud, err := local.Open(ctx, local.Options{
		Dir: l.Dir, AgentBinary: l.AgentBinary, VersionsDir: l.VersionsDir, FleetCA: ca.PEM(), Logger: l.Log,
	})
	if err != nil {
		return nil, err
	}
	return &World{Cloud: cloud, Tokens: cloud, Run: []func(context.Context) error{cloud.Run}, Shutdown: cloud.Shutdown}, nil
}
