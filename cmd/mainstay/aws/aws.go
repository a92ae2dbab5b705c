// Package aws opens what a control plane works in when its fleet lives in AWS: the
// cloud on EC2, names on Route 53, certificates of a public authority, secrets in
// Secrets Manager, and the word of instances on who they are.
//
// It promises to take credentials from where AWS's own tools take them and from
// nowhere else, and to say before anything is made what of the configuration does
// not hold in the account. It decides nothing about the fleet.
package aws

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	sdkec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	sdkroute53 "github.com/aws/aws-sdk-go-v2/service/route53"
	sdksecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/mainstaydb/mainstay/agent/instance"
	"github.com/mainstaydb/mainstay/cmd/mainstay/controlplane"
	"github.com/mainstaydb/mainstay/cmd/mainstay/daemon"
	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/acme"
	"github.com/mainstaydb/mainstay/reconciler/attest"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/route53"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
	"github.com/mainstaydb/mainstay/reconciler/secretsmanager"
)

const (
	// defaultLook is how often EC2 is listed when nothing happens. A machine takes
	// half a minute to boot, so that what it does is noticed well within that; a
	// listing is two requests of the twenty a second that AWS allows.
	defaultLook = 6 * time.Second
	// lookLeast keeps listings apart while much is happening: more of them would show
	// little that is new, and use up requests that others in the account need.
	lookLeast = 4 * time.Second
)

// An Account is AWS as a configuration names it.
type Account struct {
	config daemon.Config
	sdk    sdk.Config
	log    *slog.Logger
}

// Open finds credentials. It asks AWS nothing.
func Open(ctx context.Context, c daemon.Config, log *slog.Logger) (*Account, error) {
	loaded, err := config.LoadDefaultConfig(ctx, config.WithRegion(c.Cloud.EC2.Region))
	if err != nil {
		return nil, fmt.Errorf("AWS's configuration on this machine cannot be read; look at it with aws configure list: %w", err)
	}
	if e := c.Cloud.EC2.Endpoint; e != "" {
		loaded.BaseEndpoint = sdk.String(e)
	}
	return &Account{config: c, sdk: loaded, log: log}, nil
}

// Secrets is the store in Secrets Manager.
func (a *Account) Secrets() (secrets.Store, error) {
	return secretsmanager.New(secretsmanager.Options{
		Client: sdksecrets.NewFromConfig(a.sdk), Fleet: a.config.Cloud.EC2.Fleet, KMSKey: a.config.Secrets.AWS.KMSKey, Logger: a.log,
	})
}

// World opens the world that a control plane works in.
func (a *Account) World(store secrets.Store) func(context.Context, *secrets.CA) (*controlplane.World, error) {
	return func(ctx context.Context, ca *secrets.CA) (*controlplane.World, error) {
		cloud, err := a.Cloud(ca.PEM())
		if err != nil {
			return nil, err
		}
		verifier, err := a.verifier()
		if err != nil {
			return nil, err
		}
		c := a.config.Cloud.EC2
		w := &controlplane.World{
			Cloud: cloud, Shared: true, Attestor: attest.NewFleet(verifier, cloud), LookLeast: lookLeast, Look: c.Look,
			Grace: reconciler.Grace{Machines: c.Strays.Machines, Volumes: c.Strays.Volumes},
			Run:   []func(context.Context) error{a.prune(cloud)},
		}
		if w.Look == 0 {
			w.Look = defaultLook
		}
		if g := a.config.Agent; g != nil {
			w.Agent = plan.AgentRelease{Version: g.Version, URL: g.URL, SHA256: g.SHA256}
		}
		return w, a.addNames(ctx, w, store)
	}
}

// Cloud is the cloud on EC2. Machines to come trust the CA.
func (a *Account) Cloud(ca []byte) (*ec2.Cloud, error) {
	c := a.config.Cloud.EC2
	user, err := instance.UserData{Fleet: c.Fleet, FleetCA: string(ca), AgentPort: c.AgentPort, Metrics: true}.Text()
	if err != nil {
		return nil, fmt.Errorf("the user data of machines: %w", err)
	}
	return a.cloud(user)
}

// Existing is the cloud on EC2 for what is there: machines that it launched would
// know nobody.
func (a *Account) Existing() (*ec2.Cloud, error) { return a.cloud("") }

func (a *Account) cloud(user string) (*ec2.Cloud, error) {
	c := a.config.Cloud.EC2
	return ec2.New(ec2.Options{
		Client: sdkec2.NewFromConfig(a.sdk), Accounts: sts.NewFromConfig(a.sdk), Region: c.Region, Fleet: c.Fleet, AMI: c.AMI,
		Subnets: c.Subnets, SecurityGroups: c.SecurityGroups, InstanceProfile: c.InstanceProfile, UserData: user,
		AgentPort: c.AgentPort, KeepSnapshots: c.KeepSnapshots, Logger: a.log,
	})
}

func (a *Account) verifier() (*attest.Verifier, error) {
	var more attest.Certificates
	if dir := a.config.Cloud.EC2.IdentityCertificates; dir != "" {
		var err error
		if more, err = attest.ReadDir(dir); err != nil {
			return nil, err
		}
	}
	v, err := attest.New(more)
	if err != nil {
		return nil, err
	}
	return v, v.Knows(a.config.Cloud.EC2.Region)
}

// addNames opens the domain, and the authority that certificates for it come from.
func (a *Account) addNames(ctx context.Context, w *controlplane.World, store secrets.Store) error {
	if a.config.DNS == nil {
		return nil
	}
	names, err := a.names()
	if err != nil {
		return err
	}
	if err := names.Check(ctx); err != nil {
		return err
	}
	w.Names = names
	if a.config.ACME == nil {
		return nil
	}
	roots, err := authorityRoots(a.config.ACME.CAFile)
	if err != nil {
		return err
	}
	client, err := acme.New(acme.Options{
		Directory: a.config.ACME.Directory, Email: a.config.ACME.Email, Secrets: store, Challenges: names, Roots: roots, Logger: a.log,
	})
	if err != nil {
		return err
	}
	w.Certificates, w.Bundles, w.Authority = client, client, a.config.ACME.Directory
	w.Run = append(w.Run, client.Run)
	return nil
}

func (a *Account) names() (*route53.Names, error) {
	d := a.config.DNS
	return route53.New(route53.Options{
		Client: sdkroute53.NewFromConfig(a.sdk), HostedZone: d.HostedZone, Domain: d.Domain, Fleet: a.config.Cloud.EC2.Fleet, Logger: a.log,
	})
}

// authorityRoots are what the authority's own server is checked with; nil: the
// system's.
func authorityRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("acme.ca_file cannot be read: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("acme.ca_file %s holds no certificate", file)
	}
	return pool, nil
}

// pruneEvery is how often snapshots that were kept long enough are looked for: they
// are kept for weeks.
const pruneEvery = time.Hour

// prune deletes snapshots of deleted volumes when their time is over.
func (a *Account) prune(cloud *ec2.Cloud) func(context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(pruneEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			if _, err := cloud.Prune(ctx); err != nil && ctx.Err() == nil {
				a.log.Warn("old snapshots could not be deleted; tried again in an hour", "err", err)
			}
		}
	}
}
