package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	sdkec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// A Check is one thing that was looked at.
type Check struct {
	What string `json:"check"`
	OK   bool   `json:"ok"`
	Says string `json:"says"` // what there is; or what is wrong, and what to do
}

// checkBound is for all checks together: each is a request or two, which AWS answers
// within a second, and a person waits.
const checkBound = time.Minute

// Check asks AWS whether what the configuration names is there. It changes nothing.
func (a *Account) Check(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, checkBound)
	defer cancel()
	k := &checks{account: a, client: sdkec2.NewFromConfig(a.sdk)}
	cloud, err := a.Existing()
	if err != nil {
		return append(k.done, Check{"options", false, err.Error()})
	}
	who, err := cloud.Identity(ctx) // ec2:ACCOUNT:REGION
	number, region, _ := strings.Cut(strings.TrimPrefix(who, "ec2:"), ":")
	if k.note("credentials", fmt.Sprintf("of account %s, for region %s", number, region), err); err != nil {
		return k.done // all else would fail for the same reason
	}
	kind := k.image(ctx)
	network := k.subnets(ctx)
	k.groups(ctx, network)
	k.launches(ctx, cloud, kind)
	k.names(ctx)
	k.secrets(ctx)
	k.identities()
	return k.done
}

// checks gathers what was looked at.
type checks struct {
	account *Account
	client  *sdkec2.Client
	done    []Check
}

// note adds what was found, or what is wrong.
func (k *checks) note(what, found string, err error) {
	c := Check{What: what, OK: err == nil, Says: found}
	if err != nil {
		c.Says = err.Error()
	}
	k.done = append(k.done, c)
}

// explain turns an error of EC2 into words.
func explain(err error, doing string) error { return awserr.Service{}.Explain(err, doing) }

// image looks at the AMI, and returns a type of machine that can run it.
func (k *checks) image(ctx context.Context) (instanceType string) {
	ami := k.account.config.Cloud.EC2.AMI
	out, err := k.client.DescribeImages(ctx, &sdkec2.DescribeImagesInput{ImageIds: []string{ami}})
	switch {
	case err != nil:
		err = explain(err, "look at the machine image "+ami)
	case len(out.Images) != 1:
		err = fmt.Errorf("there is no machine image %s in this region and account; make one as deploy/ami says, and write its id into cloud.ec2.ami", ami)
	case out.Images[0].State != types.ImageStateAvailable:
		err = fmt.Errorf("the machine image %s is %s; wait until it is available, or name another one", ami, out.Images[0].State)
	}
	if err != nil {
		k.note("machine image", "", err)
		return ""
	}
	image := out.Images[0]
	k.note("machine image", fmt.Sprintf("%s, %q for %s", ami, sdk.ToString(image.Name), image.Architecture), nil)
	// Small ones, which every region has.
	if image.Architecture == types.ArchitectureValuesArm64 {
		return "t4g.small"
	}
	return "t3.small"
}

// subnets looks whether each is in its zone and all in one network, which it returns.
func (k *checks) subnets(ctx context.Context) (network string) {
	want := k.account.config.Cloud.EC2.Subnets
	found, err := k.describeSubnets(ctx, slices.Sorted(maps.Values(want)))
	if err != nil {
		k.note("subnets", "", err)
		return ""
	}
	var wrong []error
	for _, zone := range slices.Sorted(maps.Keys(want)) {
		s, ok := found[want[zone]]
		switch {
		case !ok:
			wrong = append(wrong, fmt.Errorf("there is no subnet %s; write the id of one in zone %s", want[zone], zone))
		case sdk.ToString(s.AvailabilityZone) != zone:
			wrong = append(wrong, fmt.Errorf("subnet %s is in zone %s and not in %s", want[zone], sdk.ToString(s.AvailabilityZone), zone))
		case network != "" && sdk.ToString(s.VpcId) != network:
			wrong = append(wrong, fmt.Errorf("subnet %s is in network %s and others are in %s; a fleet is in one", want[zone], sdk.ToString(s.VpcId), network))
		default:
			network = sdk.ToString(s.VpcId)
		}
	}
	k.note("subnets", fmt.Sprintf("%d in %s", len(want), network), errors.Join(wrong...))
	return network
}

func (k *checks) describeSubnets(ctx context.Context, ids []string) (map[string]types.Subnet, error) {
	// A filter, as one id that is not there would else fail all.
	out, err := k.client.DescribeSubnets(ctx, &sdkec2.DescribeSubnetsInput{Filters: []types.Filter{{Name: sdk.String("subnet-id"), Values: ids}}})
	if err != nil {
		return nil, explain(err, "look at the subnets")
	}
	found := map[string]types.Subnet{}
	for _, s := range out.Subnets {
		found[sdk.ToString(s.SubnetId)] = s
	}
	return found, nil
}

// groups looks whether the security groups are there, in the machines' network.
func (k *checks) groups(ctx context.Context, network string) {
	want := k.account.config.Cloud.EC2.SecurityGroups
	if len(want) == 0 {
		k.note("security groups", "none is named: machines get the network's default one", nil)
		return
	}
	out, err := k.client.DescribeSecurityGroups(ctx, &sdkec2.DescribeSecurityGroupsInput{Filters: []types.Filter{{Name: sdk.String("group-id"), Values: want}}})
	if err != nil {
		k.note("security groups", "", explain(err, "look at the security groups"))
		return
	}
	found := map[string]string{} // network by group
	for _, g := range out.SecurityGroups {
		found[sdk.ToString(g.GroupId)] = sdk.ToString(g.VpcId)
	}
	var wrong []error
	for _, id := range want {
		switch in, ok := found[id]; {
		case !ok:
			wrong = append(wrong, fmt.Errorf("there is no security group %s; write the id of one in network %s", id, network))
		case network != "" && in != network:
			wrong = append(wrong, fmt.Errorf("security group %s is in network %s and the subnets are in %s", id, in, network))
		}
	}
	k.note("security groups", strings.Join(want, ", "), errors.Join(wrong...))
}

// launches rehearses one in each zone.
func (k *checks) launches(ctx context.Context, cloud *ec2.Cloud, instanceType string) {
	if instanceType == "" {
		return // no image, no launch: that was told
	}
	for _, zone := range slices.Sorted(maps.Keys(k.account.config.Cloud.EC2.Subnets)) {
		k.note("a launch in "+zone, "would be allowed, of a "+instanceType, cloud.Rehearse(ctx, zone, instanceType))
	}
}

func (k *checks) names(ctx context.Context) {
	d := k.account.config.DNS
	if d == nil {
		return
	}
	names, err := k.account.names()
	if err == nil {
		err = names.Check(ctx)
	}
	k.note("names", d.Domain+" in the hosted zone "+d.HostedZone, err)
	if acme := k.account.config.ACME; acme != nil {
		_, err := authorityRoots(acme.CAFile)
		k.note("certificates", "from "+acme.Directory+", which is not asked anything here", err)
	}
}

// absentSecret is the name of a secret that nobody makes: to be told that there is
// none takes the same permission as to read one.
const absentSecret = "check"

func (k *checks) secrets(ctx context.Context) {
	if k.account.config.Secrets.AWS == nil {
		return
	}
	store, err := k.account.Secrets()
	if err == nil {
		_, err = store.Get(ctx, absentSecret)
	}
	if errors.Is(err, secrets.ErrNotFound) {
		err = nil
	}
	k.note("secrets", "can be read in Secrets Manager", err)
}

// identities looks whether the documents of machines in this region can be checked.
func (k *checks) identities() {
	_, err := k.account.verifier()
	k.note("identity documents", "those of "+k.account.config.Cloud.EC2.Region+" can be checked", err)
}
