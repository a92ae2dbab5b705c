package ec2

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// The tags that mean something. Names of deployments are not among them: a rename
// would make a launch that is repeated another request.
const (
	fleetTag      = "mainstay:fleet"
	tokenTag      = "mainstay:token"
	deploymentTag = "mainstay:deployment"
	ordinalTag    = "mainstay:ordinal"
	volumeTag     = "mainstay:volume"   // on a snapshot: what it is of
	deletionTag   = "mainstay:deletion" // on a volume and its snapshot: which deletion the snapshot is for
)

// The tags that people read.
const (
	titleTag = "Name" // what AWS's console shows
	nameTag  = "mainstay:name"
	whoseTag = "mainstay:owner"
	makerTag = "mainstay:created-by"
)

// maxTagValue is AWS's limit, in characters.
const maxTagValue = 256

// An owner is whose a volume is.
type owner struct {
	deployment string
	ordinal    int
}

func (o owner) tags() []types.Tag {
	return []types.Tag{tag(deploymentTag, o.deployment), tag(ordinalTag, strconv.Itoa(o.ordinal))}
}

// ownerOf reads an owner's tags. Without an ordinal it is the first machine's.
func ownerOf(tags []types.Tag) (owner, bool) {
	o := owner{deployment: tagOf(tags, deploymentTag)}
	if ordinal := tagOf(tags, ordinalTag); ordinal != "" {
		n, err := strconv.Atoi(ordinal)
		if err != nil {
			return owner{}, false
		}
		o.ordinal = n
	}
	return o, o.deployment != ""
}

func ownerIn(a plan.Action) owner { return owner{a.Slot.Deployment, a.Slot.Ordinal} }

// tag cuts what is too long for AWS.
func tag(key, value string) types.Tag {
	if r := []rune(value); len(r) > maxTagValue {
		value = string(r[:maxTagValue])
	}
	return types.Tag{Key: aws.String(key), Value: aws.String(strings.ToValidUTF8(value, "?"))}
}

func tagOf(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}
