package ec2

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A label is an owner to be written on a machine and the volumes it was launched
// with, in one request.
type label struct {
	resources []string
	owner     owner
}

const (
	// labelsAtOnce are the requests side by side: each takes EC2 a moment.
	labelsAtOnce = 8
	// labelsPerLook keeps a listing from waiting for labels. Those of a launch that was
	// cut off are not urgent: the owner is read off the machine meanwhile.
	labelsPerLook = 25
)

// label writes owners where they belong: the same tags again change nothing.
func (c *Cloud) label(ctx context.Context, labels []label) error {
	group, ctx := errgroup.WithContext(ctx) // after one failure the rest would likely fail alike
	group.SetLimit(labelsAtOnce)
	for _, l := range labels {
		group.Go(func() error {
			in := &sdk.CreateTagsInput{Resources: l.resources, Tags: l.owner.tags()}
			doing := "label " + strings.Join(l.resources, " and ")
			_, err := call(ctx, c, "CreateTags", 0, doing, c.opts.Client.CreateTags, in)
			return err
		})
	}
	return group.Wait()
}

// unlist takes the lists of owners off machines that are labelled: they are long,
// and every listing would carry them.
func (c *Cloud) unlist(ctx context.Context, machines []string) error {
	var keys []types.Tag
	for n := range maxOwnerTags {
		keys = append(keys, types.Tag{Key: aws.String(ownersTag + strconv.Itoa(n))})
	}
	for part := range slices.Chunk(machines, maxUntag) {
		in := &sdk.DeleteTagsInput{Resources: part, Tags: keys}
		if _, err := call(ctx, c, "DeleteTags", 0, "take lists of owners off machines", c.opts.Client.DeleteTags, in); err != nil {
			return err
		}
	}
	return nil
}

// maxUntag is how many machines one request takes tags off.
const maxUntag = 500

// A survey puts listed machines and volumes together.
type survey struct {
	memory   *memory
	machines map[string]types.Instance
	settled  map[string]bool     // machines that can go without a volume losing its owner
	known    map[string]bool     // machines that have a labelled volume
	born     map[string][]string // volumes without a label, by the machine they were launched with
	unknown  string              // a volume whose owner stands on a machine that is not listed
}

func (c *Cloud) survey(machines map[string]types.Instance) *survey {
	s := &survey{memory: c.memory, machines: machines, settled: make(map[string]bool, len(machines)), known: make(map[string]bool), born: make(map[string][]string)}
	for id, i := range machines {
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
		s.known[seen.AttachedTo] = true
	default:
		o = s.infer(v, seen.AttachedTo)
	}
	seen.Deployment, seen.Ordinal = o.deployment, o.ordinal
	return seen, true
}

// labels are those that can be written: a machine is labelled with its volume, or
// when it is sure to have none, so that its label tells of both. A machine that
// was just ended by hand still has its volume for a moment.
func (s *survey) labels() []label {
	var labels []label
	for _, id := range slices.Sorted(maps.Keys(s.machines)) {
		i := s.machines[id]
		o, ok := s.ownerOf(i)
		if !ok {
			continue
		}
		if len(s.born[id]) > 0 || !s.settled[id] && !hasEnded(i) && (s.known[id] || isBare(i)) {
			labels = append(labels, label{append(slices.Clone(s.born[id]), id), o})
		}
	}
	return labels
}

// listed are labelled machines that still carry the list of owners.
func (s *survey) listed() []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(s.machines)) {
		if i := s.machines[id]; s.settled[id] && len(s.born[id]) == 0 && !hasEnded(i) && tagOf(i.Tags, ownersTag+"0") != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// ownerOf is who a machine was launched for.
func (s *survey) ownerOf(i types.Instance) (owner, bool) {
	index := int(aws.ToInt32(i.AmiLaunchIndex))
	if o, ok := ownerByIndex(i.Tags, index); ok {
		return o, true
	}
	return s.memory.owner(aws.ToString(i.ClientToken), index)
}

// isBare tells a machine that was launched without a data volume: it runs, and of
// the volumes that it has by then none is one.
func isBare(i types.Instance) bool {
	return stateOf(i) == plan.MachineRunning && len(i.BlockDeviceMappings) > 0 && dataVolumeOf(i) == ""
}

func hasEnded(i types.Instance) bool { return stateOf(i) == plan.MachineTerminated }

// isRoot tells the volume of a machine's system, which carries the tags of its
// launch like the data volume: it is made of the AMI's snapshot, data of nothing.
// A data volume that people restore from a snapshot must not carry a token.
func isRoot(v types.Volume) bool {
	if tagOf(v.Tags, tokenTag) == "" || aws.ToString(v.SnapshotId) == "" {
		return false
	}
	at := attachment(v)
	return at == nil || aws.ToString(at.Device) != dataDevice
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
	o, ok := s.ownerOf(i)
	if ok {
		s.born[machine] = append(s.born[machine], aws.ToString(v.VolumeId))
	}
	return o
}

// labelFirst makes sure, before a machine and its volumes are parted, that each of
// them says itself whose it is. It also refuses machines that are not the fleet's.
func (c *Cloud) labelFirst(ctx context.Context, machine string) error {
	if c.memory.isLabelled(machine) {
		return nil
	}
	i, err := c.instance(ctx, machine)
	if err != nil || hasEnded(i) {
		return err
	}
	volumes, err := c.volumes(ctx, types.Filter{Name: aws.String("attachment.instance-id"), Values: []string{machine}})
	if err != nil {
		return err
	}
	s := c.survey(map[string]types.Instance{machine: i})
	for _, v := range volumes {
		if c.isOurs(v.Tags) {
			s.volume(v)
		}
	}
	labels := s.labels()
	if _, owned := s.ownerOf(i); owned && !s.settled[machine] && len(labels) == 0 {
		return fmt.Errorf("machine %s is not listed with its volume yet, which would forget whose it is: %w", machine, reconciler.ErrConflict)
	}
	return c.label(ctx, labels)
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
