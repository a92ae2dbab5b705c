package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// An enrolment judges by it how old an instance's identity document may be.
func TestMachineSaysWhenItWasStarted(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	var c Cloud
	if m := c.machine(types.Instance{LaunchTime: aws.Time(at)}); !m.LaunchedAt.Equal(at) {
		t.Errorf("started at %s, want %s", m.LaunchedAt, at)
	}
	if m := c.machine(types.Instance{}); !m.LaunchedAt.IsZero() {
		t.Errorf("started at %s, and EC2 did not say", m.LaunchedAt)
	}
}
