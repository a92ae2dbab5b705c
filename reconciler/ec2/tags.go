package ec2

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// The tags. Names of deployments are not among them: a rename would make a launch
// that is repeated another request.
const (
	fleetTag      = "mainstay:fleet"
	tokenTag      = "mainstay:token"
	deploymentTag = "mainstay:deployment"
	ordinalTag    = "mainstay:ordinal"
	ownersTag     = "mainstay:owners-" // and a number; on machines launched together, see ownerTags
)

// AWS's limits on tags, less those above.
const (
	maxTagValue  = 256
	maxOwnerTags = 44
)

// An owner is whose a volume is.
type owner struct {
	deployment string
	ordinal    int
}

func (o owner) String() string { return o.deployment + "/" + strconv.Itoa(o.ordinal) }

func (o owner) tags() []types.Tag {
	return []types.Tag{tag(deploymentTag, o.deployment), tag(ordinalTag, strconv.Itoa(o.ordinal))}
}

func parseOwner(s string) (owner, bool) {
	deployment, ordinal, _ := strings.Cut(s, "/")
	n, err := strconv.Atoi(ordinal)
	return owner{deployment, n}, err == nil && deployment != ""
}

func tag(key, value string) types.Tag {
	return types.Tag{Key: aws.String(key), Value: aws.String(value)}
}

func tagOf(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// ownerOf reads an owner's own tags.
func ownerOf(tags []types.Tag) (owner, bool) {
	return parseOwner(tagOf(tags, deploymentTag) + "/" + tagOf(tags, ordinalTag))
}

// ownerTags lists the owners of machines that are launched together, each as
// index=deployment/ordinal, in as few tags as hold them.
func ownerTags(token string, owners map[int]owner) ([]types.Tag, error) {
	var values []string
	for _, index := range slices.Sorted(maps.Keys(owners)) {
		item := fmt.Sprintf("%d=%s", index, owners[index])
		if last := len(values) - 1; last >= 0 && len(values[last])+1+len(item) <= maxTagValue {
			values[last] += " " + item
		} else {
			values = append(values, item)
		}
	}
	if len(values) > maxOwnerTags {
		return nil, fmt.Errorf("the launch with token %s is for %d machines, more than tags can name owners of; launch fewer at once", token, len(owners))
	}
	tags := make([]types.Tag, len(values))
	for i, v := range values {
		tags[i] = tag(ownersTag+strconv.Itoa(i), v)
	}
	return tags, nil
}

// ownerByIndex finds in a machine's tags who its index is for.
func ownerByIndex(tags []types.Tag, index int) (owner, bool) {
	if o, ok := ownerOf(tags); ok {
		return o, true
	}
	prefix := strconv.Itoa(index) + "="
	for _, t := range tags {
		if !strings.HasPrefix(aws.ToString(t.Key), ownersTag) {
			continue
		}
		for item := range strings.FieldsSeq(aws.ToString(t.Value)) {
			if s, ok := strings.CutPrefix(item, prefix); ok {
				return parseOwner(s)
			}
		}
	}
	return owner{}, false
}

func ownerIn(a plan.Action) owner { return owner{a.Slot.Deployment, a.Slot.Ordinal} }
