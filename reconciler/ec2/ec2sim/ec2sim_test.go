package ec2sim_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/ec2/ec2sim"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/porttest"
	"github.com/mainstaydb/mainstay/reconciler/sim"
)

// TestAdapterOverIt: what stands in for EC2 here is good enough for the suite that
// moto has to pass.
func TestAdapterOverIt(t *testing.T) {
	t.Parallel()
	porttest.Run(t, func(t *testing.T) porttest.Harness {
		world := sim.New("a world")
		api := ec2sim.New(world, ec2.Buckets())
		fleet := uuid.NewString()
		return porttest.Harness{
			Open: func(t *testing.T) reconciler.Cloud {
				c, err := ec2.New(ec2.Options{Client: api, Accounts: api, Region: "eu-west-1", Fleet: fleet, AMI: "ami-00000001",
					Subnets: map[string]string{"eu-west-1a": "eu-west-1a"}})
				if err != nil {
					t.Fatal(err)
				}
				return c
			},
			Shape: plan.Shape{Zone: "eu-west-1a", InstanceType: "t3.small"}, Volume: plan.VolumeSpec{Type: "gp3", GB: 10},
			Patience: 10 * time.Second, Halt: func(_ *testing.T, machine string) { world.Stop(machine) },
			UnknownMachine: "i-0123456789abcdef0", UnknownVolume: "vol-0123456789abcdef0",
		}
	})
}
