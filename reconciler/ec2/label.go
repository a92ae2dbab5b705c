package ec2

import (
	"context"
	"errors"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A label is an owner to be written on a volume.
type label struct {
	volume string
	owner  owner
}

// label writes owners on their volumes: the same tags again change nothing.
func (c *Cloud) label(ctx context.Context, labels []label) error {
	for _, l := range labels {
		in := &sdk.CreateTagsInput{Resources: []string{l.volume}, Tags: l.owner.tags()}
		if _, err := call(ctx, c, "CreateTags", 0, "label volume "+l.volume, c.opts.Client.CreateTags, in); err != nil {
			return err // the rest would likely fail alike, and is not urgent
		}
	}
	return nil
}

// A survey puts listed machines and volumes together.
type survey struct {
	machines map[string]types.Instance
	labels   []label
	unknown  string          // a volume whose owner stands on a machine that is not listed
	settled  map[string]bool // machines that can go without a volume losing its owner
}

func newSurvey(machines map[string]types.Instance) *survey {
	s := &survey{machines: machines, settled: make(map[string]bool, len(machines))}
	for id, i := range machines {
		// Launched alone, its volume was born with the label.
		_, s.settled[id] = ownerOf(i.Tags)
	}
	return s
}

// volume tells of a listed volume, and whether it is one of data.
func (s *survey) volume(v types.Volume) (plan.Volume, bool) {
	if isRoot(v) {
		return plan.Volume{}, false
	}
	seen := plan.Volume{ID: aws.ToString(v.VolumeId), GB: int(aws.ToInt32(v.Size)), Busy: busy(v)}
	at := attachment(v)
	if at != nil {
		seen.AttachedTo = aws.ToString(at.InstanceId)
	}
	o, labelled := ownerOf(v.Tags)
	switch {
	case at == nil:
	case labelled:
		s.settled[seen.AttachedTo] = true
	default:
		o = s.infer(v, seen.AttachedTo)
	}
	seen.Deployment, seen.Ordinal = o.deployment, o.ordinal
	return seen, true
}

// isRoot tells the volume of a machine's system, which carries the tags of its
// launch like the data volume: it is made of the AMI's snapshot, data of nothing.
func isRoot(v types.Volume) bool {
	return tagOf(v.Tags, tokenTag) != "" && aws.ToString(v.SnapshotId) != ""
}

// infer reads a volume's owner off the machine that it was launched with.
func (s *survey) infer(v types.Volume, machine string) owner {
	i, listed := s.machines[machine]
	if !listed {
		s.unknown = aws.ToString(v.VolumeId)
		return owner{}
	}
	if tagOf(v.Tags, tokenTag) != aws.ToString(i.ClientToken) {
		return owner{} // attached by somebody later
	}
	o, ok := ownerByIndex(i.Tags, int(aws.ToInt32(i.AmiLaunchIndex)))
	if ok {
		s.labels = append(s.labels, label{aws.ToString(v.VolumeId), o})
	}
	return o
}

func (c *Cloud) remember(settled map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.labelled = settled
}

// labelFirst makes sure, before a machine and its volumes are parted, that each of
// them says itself whose it is. It also refuses machines that are not the fleet's.
func (c *Cloud) labelFirst(ctx context.Context, machine string) error {
	c.mu.Lock()
	done := c.labelled[machine]
	c.mu.Unlock()
	if done {
		return nil
	}
	i, err := c.instance(ctx, machine)
	if err != nil {
		return err
	}
	volumes, err := c.volumes(ctx, types.Filter{Name: aws.String("attachment.instance-id"), Values: []string{machine}})
	if err != nil {
		return err
	}
	s := newSurvey(map[string]types.Instance{machine: i})
	for _, v := range volumes {
		if c.isOurs(v.Tags) {
			s.volume(v)
		}
	}
	return c.label(ctx, s.labels)
}

var errForeign = errors.New("it does not carry the fleet's tag, so it is left alone")

func (c *Cloud) isOurs(tags []types.Tag) bool { return tagOf(tags, fleetTag) == c.opts.Fleet }

// attachment is where a volume is or is about to be; nil: nowhere. Volumes of ours
// are in one place at most.
func attachment(v types.Volume) *types.VolumeAttachment {
	for i := range v.Attachments {
		if v.Attachments[i].State != types.VolumeAttachmentStateDetached {
			return &v.Attachments[i]
		}
	}
	return nil
}

// busy says why a volume cannot be changed just now.
func busy(v types.Volume) string {
	if v.State == types.VolumeStateCreating || v.State == types.VolumeStateDeleting {
		return string(v.State)
	}
	at := attachment(v)
	if at == nil {
		return ""
	}
	switch at.State {
	case types.VolumeAttachmentStateAttaching, types.VolumeAttachmentStateDetaching:
		return string(at.State) + " at machine " + aws.ToString(at.InstanceId)
	case types.VolumeAttachmentStateBusy:
		return "machine " + aws.ToString(at.InstanceId) + " still has it mounted, device " + strconv.Quote(aws.ToString(at.Device))
	}
	return ""
}
