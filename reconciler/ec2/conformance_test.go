package ec2_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/awslimit"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/mototest"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/porttest"
)

const (
	region = mototest.Region
	zone   = "eu-west-1a"
	zoneB  = "eu-west-1b"
)

// A world is moto behind the proxy that makes it answer like AWS.
type world struct {
	proxy   *mototest.Proxy
	client  *sdk.Client
	sts     *sts.Client
	subnets map[string]string
	ami     string
	limiter *awslimit.Limiter
}

// newWorld opens moto, which make conformance starts.
func newWorld(t *testing.T) *world {
	t.Helper()
	p := mototest.Open(t)
	cfg := p.Config()
	w := &world{proxy: p, client: sdk.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg), limiter: awslimit.New(ec2.Buckets()...)}
	w.find(t)
	return w
}

// find looks up what a person would write into the configuration.
func (w *world) find(t *testing.T) {
	t.Helper()
	subnets, err := w.client.DescribeSubnets(t.Context(), &sdk.DescribeSubnetsInput{})
	if err != nil {
		t.Fatal(err)
	}
	w.subnets = make(map[string]string)
	for _, s := range subnets.Subnets {
		w.subnets[aws.ToString(s.AvailabilityZone)] = aws.ToString(s.SubnetId)
	}
	if w.subnets[zone] == "" || w.subnets[zoneB] == "" {
		t.Fatalf("moto's subnets are %v, want one in %s and in %s", w.subnets, zone, zoneB)
	}
	images, err := w.client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{Owners: []string{"amazon"}})
	if err != nil || len(images.Images) == 0 {
		t.Fatalf("moto has no image: %v", err)
	}
	w.ami = aws.ToString(images.Images[0].ImageId)
}

// options are those of a fleet.
func (w *world) options(fleet string) ec2.Options {
	return ec2.Options{
		Client: w.client, Accounts: w.sts, Region: region, Fleet: fleet, AMI: w.ami, Limiter: w.limiter,
		Subnets: w.subnets, UserData: "#cloud-config\n",
	}
}

func (w *world) open(t *testing.T, fleet string) *ec2.Cloud {
	t.Helper()
	return w.with(t, w.options(fleet))
}

func (w *world) with(t *testing.T, opts ec2.Options) *ec2.Cloud {
	t.Helper()
	c, err := ec2.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) harness() porttest.Harness {
	fleet := uuid.NewString()
	return porttest.Harness{
		Open:     func(t *testing.T) reconciler.Cloud { return w.open(t, fleet) },
		Shape:    plan.Shape{Zone: zone, InstanceType: "t3.small"},
		Volume:   plan.VolumeSpec{Type: "gp3", GB: 10, IOPS: 3000, MiBps: 125},
		Patience: 30 * time.Second,
		Halt: func(t *testing.T, machine string) {
			if _, err := w.client.StopInstances(t.Context(), &sdk.StopInstancesInput{InstanceIds: []string{machine}}); err != nil {
				t.Fatal(err)
			}
		},
		UnknownMachine: "i-0123456789abcdef0", UnknownVolume: "vol-0123456789abcdef0",
	}
}

// TestConformance runs the suite of all clouds. EC2 does not tell whether a
// volume is written to, so that one test is skipped.
func TestConformance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Cleanup(func() { t.Log("requests of the suite: " + w.proxy.Counts()) })
	porttest.Run(t, func(*testing.T) porttest.Harness { return w.harness() })
}
