package ec2

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// The tags that people put on what a fleet should take over.
const (
	adoptTag  = "mainstay:adopt"        // on the machine, and on its data volume where it has several: the deployment's name
	engineTag = "mainstay:dolt-version" // on the machine
)

// A Candidate is a machine that somebody runs by hand and wants to hand over.
type Candidate struct {
	Name         string // for the deployment
	MachineID    string
	Zone         string
	InstanceType string
	DoltVersion  string // empty: not said
	VolumeID     string // of data; empty: see Problem
	VolumeType   string
	GB           int
	IOPS         int
	MiBps        int
	Deployment   string // whose the volume is in this fleet already; empty: nobody's
	Encrypted    bool   // the volume is
	Perishable   bool   // the volume is deleted with its machine, as EC2 is told now
	Device       string // by which the volume is attached
	Problem      string // why it cannot be taken over as it is; empty: it can
}

// Candidates lists the machines of the account and region that carry the tag
// mainstay:adopt and belong to no fleet. It changes nothing.
func (c *Cloud) Candidates(ctx context.Context) ([]Candidate, error) {
	machines, err := c.instances(ctx, filter("tag-key", adoptTag), filter("instance-state-name", "running", "stopped"))
	if err != nil {
		return nil, err
	}
	machines = slices.DeleteFunc(machines, func(i types.Instance) bool { return has(i.Tags, fleetTag) })
	if len(machines) == 0 {
		return nil, nil
	}
	volumes, err := c.volumesOf(ctx, machines)
	if err != nil {
		return nil, err
	}
	var found []Candidate
	for _, i := range machines {
		found = append(found, c.candidate(i, volumes[aws.ToString(i.InstanceId)]))
	}
	slices.SortFunc(found, func(a, b Candidate) int { return strings.Compare(a.Name+"\x00"+a.MachineID, b.Name+"\x00"+b.MachineID) })
	return found, nil
}

// machinesPerFilter is AWS's limit on the values of one filter.
const machinesPerFilter = 200

// volumesOf lists the volumes of machines that are not their system's.
func (c *Cloud) volumesOf(ctx context.Context, machines []types.Instance) (map[string][]types.Volume, error) {
	root := make(map[string]string, len(machines)) // device by machine
	var ids []string
	for _, i := range machines {
		id := aws.ToString(i.InstanceId)
		ids = append(ids, id)
		root[id] = aws.ToString(i.RootDeviceName)
	}
	by := make(map[string][]types.Volume)
	for some := range slices.Chunk(ids, machinesPerFilter) {
		found, err := c.volumes(ctx, filter("attachment.instance-id", some...))
		if err != nil {
			return nil, err
		}
		for _, v := range found {
			at := attachment(v)
			if at == nil || aws.ToString(at.Device) == root[aws.ToString(at.InstanceId)] {
				continue
			}
			by[*at.InstanceId] = append(by[*at.InstanceId], v)
		}
	}
	return by, nil
}

func (c *Cloud) candidate(i types.Instance, volumes []types.Volume) Candidate {
	m := c.machine(i)
	found := Candidate{Name: tagOf(i.Tags, adoptTag), MachineID: m.ID, Zone: m.Zone, InstanceType: m.InstanceType, DoltVersion: tagOf(i.Tags, engineTag)}
	if marked := slices.DeleteFunc(slices.Clone(volumes), func(v types.Volume) bool { return !has(v.Tags, adoptTag) }); len(marked) > 0 {
		volumes = marked
	}
	switch len(volumes) {
	case 0:
		found.Problem = "its data is on the volume of its system; move it to a volume of its own first"
		return found
	case 1:
	default:
		found.Problem = fmt.Sprintf("it has %d data volumes; put the tag %s on the one that holds the databases", len(volumes), adoptTag)
		return found
	}
	v := volumes[0]
	found.VolumeID, found.VolumeType, found.GB = aws.ToString(v.VolumeId), string(v.VolumeType), int(aws.ToInt32(v.Size))
	found.IOPS, found.MiBps = int(aws.ToInt32(v.Iops)), int(aws.ToInt32(v.Throughput))
	found.Encrypted = aws.ToBool(v.Encrypted)
	if at := attachment(v); at != nil {
		found.Device, found.Perishable = aws.ToString(at.Device), aws.ToBool(at.DeleteOnTermination)
	}
	if c.isOurs(v.Tags) {
		found.Deployment = tagOf(v.Tags, deploymentTag)
	}
	switch {
	case found.Deployment != "": // adopted already: to be told, and no problem
	case has(v.Tags, fleetTag):
		found.Problem = "its volume belongs to the fleet " + tagOf(v.Tags, fleetTag) + " already"
	case c.opts.Subnets[m.Zone] == "":
		found.Problem = "no subnet is known for its zone " + m.Zone + "; add one to the configuration"
	case found.Name == "":
		found.Problem = "its tag " + adoptTag + " names no deployment"
	}
	return found
}

// Adopt makes a volume the fleet's and a deployment's. It has to carry the tag
// mainstay:adopt, or be attached to a machine that does. It stays where it is: the
// planner takes it over when whoever has it lets go. Doing it twice does it once.
func (c *Cloud) Adopt(ctx context.Context, volumeID, deploymentID string) error {
	v, err := c.anyVolume(ctx, volumeID)
	if err != nil {
		return err
	}
	fleet, deployment := tagOf(v.Tags, fleetTag), tagOf(v.Tags, deploymentTag)
	switch {
	case deploymentID == "":
		return fmt.Errorf("volume %s cannot be adopted for no deployment", volumeID)
	case fleet == c.opts.Fleet && deployment == deploymentID:
		return nil
	case fleet != "" || deployment != "":
		return fmt.Errorf("volume %s belongs to deployment %q of fleet %q and is not taken from it", volumeID, deployment, fleet)
	}
	if ok, err := c.isOffered(ctx, v); err != nil {
		return err
	} else if !ok {
		return fmt.Errorf("volume %s is not offered: put the tag %s on it or on its machine", volumeID, adoptTag)
	}
	return c.writeTags(ctx, []string{volumeID}, append(owner{deploymentID, 0}.tags(), tag(fleetTag, c.opts.Fleet))...)
}

// isOffered tells whether somebody said that the volume may be taken over.
func (c *Cloud) isOffered(ctx context.Context, v types.Volume) (bool, error) {
	at := attachment(v)
	if has(v.Tags, adoptTag) || at == nil {
		return has(v.Tags, adoptTag), nil
	}
	machines, err := c.instances(ctx, filter("instance-id", aws.ToString(at.InstanceId)), filter("tag-key", adoptTag))
	return len(machines) > 0, err
}

// anyVolume looks at a volume, whosever it is.
func (c *Cloud) anyVolume(ctx context.Context, id string) (types.Volume, error) {
	if err := checkID(volumePattern, "a volume", id); err != nil {
		return types.Volume{}, err
	}
	return c.together.volumes.Load(ctx, id)
}
