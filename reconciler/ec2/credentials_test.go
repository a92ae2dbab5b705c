package ec2_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
)

// TestNoCredentials: a role that cannot be had is told as what it is: nothing was
// done, and a person has to look.
func TestNoCredentials(t *testing.T) {
	t.Parallel()
	cfg := aws.Config{Region: region, BaseEndpoint: aws.String("http://127.0.0.1:1"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New("the instance has no role")
		})}
	c, err := ec2.New(ec2.Options{Client: sdk.NewFromConfig(cfg), Accounts: sts.NewFromConfig(cfg), Region: region, Fleet: "fleet",
		AMI: "ami-1", Subnets: map[string]string{zone: "subnet-1"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Launch(t.Context(), batch(1)); awserr.KindOf(err) != awserr.Denied {
		t.Errorf("a launch without credentials: %v, want denied", err)
	}
	if _, err := c.Identity(t.Context()); awserr.KindOf(err) != awserr.Denied {
		t.Errorf("an identity without credentials: %v, want denied", err)
	}
	gaps := c.Observe(t.Context()).Gaps
	for _, gap := range []string{gaps.Machines, gaps.Volumes} {
		if !strings.Contains(gap, "the instance has no role") {
			t.Errorf("a listing without credentials is the gap %q", gap)
		}
	}
}

// TestOptions: what is missing is told all at once.
func TestOptions(t *testing.T) {
	t.Parallel()
	_, err := ec2.New(ec2.Options{Region: region})
	if err == nil {
		t.Fatal("a cloud without a client was made")
	}
	for _, name := range []string{"Client", "Accounts", "Fleet", "AMI", "Subnets"} {
		if !strings.Contains(err.Error(), "option "+name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}
