package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// TestEC2ByHand has a person stop one machine, terminate another and detach the
// volume of a third: all serve again, with the data that they had.
func TestEC2ByHand(t *testing.T) {
	t.Parallel()
	f := newCloudFleet(t, false)
	f.change(insert(3))
	s := f.converged()
	before := map[string]view.Deployment{}
	for _, d := range s.Deployments {
		before[d.Name] = d
		f.fill(d.Name)
	}

	if _, err := f.ec2.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{before["db-00"].MachineID}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ec2.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{before["db-01"].MachineID}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ec2.DetachVolume(t.Context(), &ec2.DetachVolumeInput{
		VolumeId: aws.String(before["db-02"].VolumeID), InstanceId: aws.String(before["db-02"].MachineID), // which moto asks for
	}); err != nil {
		t.Fatal(err)
	}
	f.wait("it is noticed", func(s view.Status) bool { return !s.Converged })
	f.wait("all serve again", servesAll)
	after := f.converged()
	for _, d := range after.Deployments {
		was := before[d.Name]
		if d.VolumeID != was.VolumeID || (d.MachineID != was.MachineID) != (d.Name == "db-01") {
			t.Errorf("%s was %s and is %s", d.Name, describe(was), describe(d))
		}
		f.holds(d.Name)
		if host := f.resolve(d.Name + "." + domain); !strings.HasPrefix(host, "127.") {
			t.Errorf("%s has no address in the zone: %q", d.Name, host)
		}
	}
	if running := f.running(); len(running) != len(before) {
		t.Errorf("%d machines run, want %d: %v", len(running), len(before), running)
	}
}
