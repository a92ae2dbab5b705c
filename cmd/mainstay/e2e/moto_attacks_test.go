package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// TestEC2Attacks: an agent becomes one of the fleet only on a machine that the fleet
// launched, and with AWS's word for it.
func TestEC2Attacks(t *testing.T) {
	t.Parallel()
	f := newCloudFleet(t, false)
	f.change("INSERT INTO deployments (name, zone) VALUES ('orders', 'eu-west-1a')")
	orders := f.deployment("orders")

	byHand := f.launchByHand(orders.MachineID)
	f.wait("a machine that nobody ordered is told of", func(s view.Status) bool { return tells(s.Conditions, "Strays", "machine "+byHand) })
	f.within("its agent serves", func() bool { return strings.Contains(f.agentLog(byHand), "agent serves") })

	f.machines.SignWith(f.authority.Imitate())
	f.sql("INSERT INTO deployments (name, zone) VALUES ('forged', 'eu-west-1a')")
	var forged view.Deployment
	f.wait("the forged document is told of", func(s view.Status) bool {
		one, ok := s.Only("forged")
		if ok {
			forged = one.Deployments[0]
		}
		return ok && says(forged, "identity document") && says(forged, "nothing was signed")
	})
	t.Logf("status says: %+v", forged.Conditions)

	f.machines.SignWith(f.authority)
	f.wait("the same machine serves once its document is AWS's", named("forged", func(d view.Deployment) bool {
		return d.Ready && d.MachineID == forged.MachineID
	}))
	if strings.Contains(f.agentLog(byHand), "msg=enrolled") || strings.Contains(f.out.String(), `msg="agent enrolled" machine=`+byHand) {
		t.Errorf("the agent on machine %s, which is on no record, was enrolled", byHand)
	}
	if now := f.deployment("orders"); now.MachineID != orders.MachineID || !now.Ready {
		t.Errorf("orders was %s and is %s", describe(orders), describe(now))
	}
}

// launchByHand makes a machine that looks like one of the fleet's.
func (f *cloudFleet) launchByHand(like string) string {
	f.t.Helper()
	data, err := f.ec2.DescribeInstanceAttribute(f.t.Context(), &ec2.DescribeInstanceAttributeInput{
		InstanceId: aws.String(like), Attribute: types.InstanceAttributeNameUserData,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	out, err := f.ec2.RunInstances(f.t.Context(), &ec2.RunInstancesInput{
		ImageId: aws.String(f.image()), InstanceType: types.InstanceTypeT3Small, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), UserData: data.UserData.Value,
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance,
			Tags: []types.Tag{{Key: aws.String("mainstay:fleet"), Value: aws.String(f.tag)}}}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return aws.ToString(out.Instances[0].InstanceId)
}

// agentLog is what the agent of a machine has said; empty: nothing yet.
func (f *cloudFleet) agentLog(machine string) string {
	f.t.Helper()
	path := filepath.Join(f.dir, "..", "machines", "machines", machine, "agent.log")
	if found, _ := filepath.Glob(path); len(found) == 0 {
		return ""
	}
	return readFile(f.t, path)
}

func tells(conditions []view.Condition, kind, words string) bool {
	for _, c := range conditions {
		if c.Type == kind && c.Status && strings.Contains(c.Message, words) {
			return true
		}
	}
	return false
}
