package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler/mototest"
)

// An account is moto as an account of AWS, with a configuration for it.
type account struct {
	client  *sdk.Client
	subnets map[string]string // by zone
	image   string
	config  string // file
	fleet   string
}

// The region is one of this test's own: in the others other tests run machines, and
// all that carry the tag are taken over.
const (
	accountRegion = "eu-north-1"
	accountZone   = "eu-north-1a"
)

// newAccount opens moto, which make conformance starts, and an empty hub.
func newAccount(t *testing.T) *account {
	t.Helper()
	endpoint := os.Getenv("MAINSTAY_TEST_MOTO")
	if endpoint == "" {
		t.Skip("MAINSTAY_TEST_MOTO does not name an endpoint: run make conformance")
	}
	dir := t.TempDir()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
		"XDG_CACHE_HOME": filepath.Join(dir, "cache"), "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.Setenv(name, value)
	}
	p := mototest.New(t, endpoint)
	a := &account{subnets: map[string]string{}, fleet: "test-" + uuid.NewString()[:8], config: filepath.Join(dir, "mainstay.yaml")}
	a.client = sdk.NewFromConfig(sdkaws.Config{Region: accountRegion, BaseEndpoint: sdkaws.String(p.URL),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	a.find(t)
	hub := filepath.Join(dir, "hub")
	if err := os.Mkdir(hub, 0o700); err != nil {
		t.Fatal(err)
	}
	a.write(t, fmt.Sprintf(`hub: {url: "file://%s"}
dir: %s
cloud:
  ec2: {fleet: %s, region: %s, ami: %s, subnets: {%s: %s}, endpoint: "%s"}
secrets: {aws: {}}
`, hub, filepath.Join(dir, "plane"), a.fleet, accountRegion, a.image, accountZone, a.subnets[accountZone], p.URL))
	if out, code := a.mainstay(t, "init", "--hub", "file://"+hub); code != exitDone {
		t.Fatalf("init: %s", out)
	}
	return a
}

func (a *account) write(t *testing.T, config string) {
	t.Helper()
	if err := os.WriteFile(a.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a *account) find(t *testing.T) {
	t.Helper()
	subnets, err := a.client.DescribeSubnets(t.Context(), &sdk.DescribeSubnetsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range subnets.Subnets {
		a.subnets[sdkaws.ToString(s.AvailabilityZone)] = sdkaws.ToString(s.SubnetId)
	}
	images, err := a.client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{Owners: []string{"amazon"}})
	if err != nil || len(images.Images) == 0 {
		t.Fatalf("moto has no image: %v", err)
	}
	a.image = sdkaws.ToString(images.Images[0].ImageId)
}

// byHand launches a machine as a person does.
func (a *account) byHand(t *testing.T, name, version string) {
	t.Helper()
	_, err := a.client.RunInstances(t.Context(), &sdk.RunInstancesInput{
		ImageId: sdkaws.String(a.image), MinCount: sdkaws.Int32(1), MaxCount: sdkaws.Int32(1), InstanceType: types.InstanceTypeT3Medium,
		SubnetId: sdkaws.String(a.subnets[accountZone]),
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: sdkaws.String("/dev/sdg"),
			Ebs: &types.EbsBlockDevice{VolumeSize: sdkaws.Int32(30), VolumeType: types.VolumeTypeGp3}}},
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{
			{Key: sdkaws.String("mainstay:adopt"), Value: sdkaws.String(name)}, {Key: sdkaws.String("mainstay:dolt-version"), Value: sdkaws.String(version)}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// mainstay runs a command, and returns all that it printed.
func (a *account) mainstay(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	app := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, version: "test", program: "mainstay",
		getenv: func(name string) string {
			return map[string]string{"MAINSTAY_AUTHOR": "A Person <a@person.example>"}[name]
		}}
	code := app.run(t.Context(), append(args, "--dir", filepath.Join(filepath.Dir(a.config), "fleet")))
	return stdout.String() + stderr.String(), code
}

// adoption runs import ec2 -o json.
func (a *account) adoption(t *testing.T, args ...string) (adoptionDoc, int) {
	t.Helper()
	out, code := a.mainstay(t, append([]string{"import", "ec2", "--config", a.config, "-b", "adopt/test", "-o", "json"}, args...)...)
	var doc adoptionDoc
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&doc); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return doc, code
}

// volume is whose a volume is, by its tags.
func (a *account) volume(t *testing.T, id string) (fleet, deployment string) {
	t.Helper()
	out, err := a.client.DescribeVolumes(t.Context(), &sdk.DescribeVolumesInput{VolumeIds: []string{id}})
	if err != nil || len(out.Volumes) != 1 {
		t.Fatal(err)
	}
	for _, tag := range out.Volumes[0].Tags {
		switch sdkaws.ToString(tag.Key) {
		case "mainstay:fleet":
			fleet = sdkaws.ToString(tag.Value)
		case "mainstay:deployment":
			deployment = sdkaws.ToString(tag.Value)
		}
	}
	return fleet, deployment
}

// TestImportEC2 adopts a machine on moto: nothing with --dry-run, then the tags and
// the proposal, and nothing more the second time.
func TestImportEC2(t *testing.T) {
	a := newAccount(t)
	name := "shop-" + uuid.NewString()[:8]
	a.byHand(t, name, "2.2.0")
	a.byHand(t, "No Label "+name, "2.2.0")
	find := func(doc adoptionDoc, name string) (found int) {
		for i, m := range doc.Machines {
			if m.Name == name {
				return i
			}
		}
		t.Fatalf("%s is not in %+v", name, doc)
		return 0
	}

	doc, code := a.adoption(t, "--dry-run")
	m := doc.Machines[find(doc, name)]
	if fleet, _ := a.volume(t, m.VolumeID); code != exitDone || m.State != "ready" || doc.Commit != "" || fleet != "" {
		t.Fatalf("exit code %d, volume of fleet %q: %+v", code, fleet, doc)
	}
	if odd := doc.Machines[find(doc, "No Label "+name)]; odd.State != "lacking" || len(odd.Lacks) == 0 {
		t.Errorf("a name that is none: %+v", odd)
	}

	doc, code = a.adoption(t)
	m = doc.Machines[find(doc, name)]
	fleet, deployment := a.volume(t, m.VolumeID)
	if code != exitDone || m.State != "proposed" || doc.Proposal != 1 || fleet != a.fleet || deployment != m.Deployment {
		t.Fatalf("exit code %d, volume of fleet %q and deployment %q: %+v", code, fleet, deployment, doc)
	}
	if doc.Check == nil || !doc.Check.Passed || doc.Commit == "" {
		t.Errorf("the proposal: %+v", doc.Check)
	}

	again, code := a.adoption(t)
	if m2 := again.Machines[find(again, name)]; code != exitDone || again.Proposal != 1 || again.Commit != "" || m2.Deployment != m.Deployment {
		t.Errorf("again: exit code %d, %+v", code, again)
	}
	other, _ := a.mainstay(t, "import", "ec2", "--config", a.config, "-b", "adopt/other")
	if !strings.Contains(other, "on adopt/test") || !strings.Contains(other, "nothing to propose") {
		t.Errorf("on another branch: %s", other)
	}
	text, _ := a.mainstay(t, "import", "ec2", "--config", a.config, "-b", "adopt/test")
	for _, want := range []string{name, "mainstay pr merge 1", "detach-volume --region eu-north-1 --volume-id " + m.VolumeID, "lower-case letters"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
