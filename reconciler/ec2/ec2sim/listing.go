package ec2sim

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A view is the world as it was at a moment.
type view struct {
	at  time.Time
	inv plan.Inventory
}

func (a *API) present(ctx context.Context) view { return view{time.Now(), a.world.Observe(ctx)} }

// seen is what listings show: the present, or what was when they lag. What a test
// wants to lag has to have been listed before.
func (a *API) seen(ctx context.Context) view {
	now := a.present(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lag == 0 {
		a.history = []view{now}
		return now
	}
	a.history = append(a.history, now)
	old := now.at.Add(-a.lag)
	for len(a.history) > 1 && !a.history[1].at.After(old) {
		a.history = a.history[1:]
	}
	return a.history[0]
}

// passes says whether a resource passes filters by tag and id. Others are not known,
// and let nothing through.
func (a *API) passes(id string, filters []types.Filter) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range filters {
		if name := aws.ToString(f.Name); name == "volume-id" || name == "instance-id" {
			if !slices.Contains(f.Values, id) {
				return false
			}
			continue
		}
		key, ok := strings.CutPrefix(aws.ToString(f.Name), "tag:")
		if !ok || !slices.Contains(f.Values, a.tags[id][key]) {
			return false
		}
	}
	return true
}

// Tags are those of a machine or volume.
func (a *API) Tags(id string) map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.tags[id])
}

func (a *API) tagsOf(id string) []types.Tag {
	a.mu.Lock()
	defer a.mu.Unlock()
	var tags []types.Tag
	for k, v := range a.tags[id] {
		tags = append(tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	return tags
}

// GetCallerIdentity names the account. It is STS's, beside EC2's.
func (a *API) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput, _ ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: aws.String("123456789012")}, a.answer(ctx, "GetCallerIdentity", nil, func() error { return nil })
}
