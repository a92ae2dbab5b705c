package attest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A Cloud tells which account and region it is.
type Cloud interface {
	Identity(ctx context.Context) (string, error)
}

// A Fleet attests the machines of one account and region. Safe for concurrent use.
type Fleet struct {
	verifier *Verifier
	cloud    Cloud

	mu              sync.Mutex
	account, region string // of the cloud, which is the same for ever; empty: not asked yet
}

// NewFleet returns what attests the machines of a cloud on EC2.
func NewFleet(verifier *Verifier, cloud Cloud) *Fleet {
	return &Fleet{verifier: verifier, cloud: cloud}
}

// Attest checks the signed identity document that an agent sent, for a machine as
// the cloud lists it.
func (f *Fleet) Attest(ctx context.Context, m plan.Machine, document []byte) error {
	account, region, err := f.place(ctx)
	if err != nil {
		return err
	}
	_, err = f.verifier.Verify(document, Want{
		Account: account, Region: region, InstanceID: m.ID, LaunchedAt: m.LaunchedAt, Now: time.Now(),
	})
	return err
}

// place asks the cloud once.
func (f *Fleet) place(ctx context.Context) (account, region string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.account == "" {
		identity, err := f.cloud.Identity(ctx)
		if err != nil {
			return "", "", fmt.Errorf("it is not known whose identity documents to expect: %w", err)
		}
		if f.account, f.region, err = splitIdentity(identity); err != nil {
			return "", "", err
		}
	}
	return f.account, f.region, nil
}

// splitIdentity takes apart what a cloud on EC2 calls itself.
func splitIdentity(identity string) (account, region string, err error) {
	parts := strings.Split(identity, ":")
	if len(parts) != 3 || parts[0] != "ec2" || parts[1] == "" || parts[2] == "" {
		return "", "", fmt.Errorf("the cloud %q is not an account and region of EC2, so its machines have no identity documents", identity)
	}
	return parts[1], parts[2], nil
}
