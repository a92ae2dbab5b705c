package adopt

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A Cloud is what volumes are claimed in.
type Cloud interface {
	// Adopt makes a volume the fleet's and a deployment's; twice does it once.
	Adopt(ctx context.Context, volumeID, deploymentID string) error
	Observe(ctx context.Context) plan.Inventory
}

const (
	// lookEvery is as often as a control plane lists while much is happening.
	lookEvery = 3 * time.Second
	// listedWithin is for EC2's listings to show tags that were set: they lag by
	// seconds, in bad hours by a minute.
	listedWithin = 2 * time.Minute
)

// Claim makes the volumes of machines that are ready the fleet's, and returns once
// the listing that control planes plan from has them all. Only then may their rows
// be seen by anybody. Claimed again, they stay as they are.
func Claim(ctx context.Context, cloud Cloud, machines []Machine) error {
	wanted := map[string]string{} // deployment by volume
	for _, m := range machines {
		if m.State != Ready {
			continue
		}
		if err := cloud.Adopt(ctx, m.VolumeID, m.Deployment); err != nil {
			return fmt.Errorf("volume %s of %s cannot be made the fleet's; no row was proposed, and the same command goes on from here: %w", m.VolumeID, m.Name, err)
		}
		wanted[m.VolumeID] = m.Deployment
	}
	if len(wanted) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, listedWithin)
	defer cancel()
	for {
		missing := unlisted(cloud.Observe(ctx), wanted)
		if missing == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("EC2 does not list the volumes as the fleet's yet (%s); no row was proposed, try again in a minute: %w", missing, ctx.Err())
		case <-time.After(lookEvery):
		}
	}
}

// unlisted says what a listing lacks; empty: nothing.
func unlisted(inv plan.Inventory, wanted map[string]string) string {
	if inv.Gaps.Volumes != "" {
		return inv.Gaps.Volumes
	}
	seen := map[string]string{}
	for _, v := range inv.Volumes {
		seen[v.ID] = v.Deployment
	}
	var missing []string
	for volume, deployment := range wanted {
		if seen[volume] != deployment {
			missing = append(missing, volume)
		}
	}
	return strings.Join(missing, ", ")
}
