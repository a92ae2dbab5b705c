package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler/attest/attesttest"
	"github.com/mainstaydb/mainstay/reconciler/mototest"
	"github.com/mainstaydb/mainstay/reconciler/mototest/machines"
)

const (
	region = "eu-west-1"
	domain = "db.example.com"
)

// A cloudFleet is one mainstay serve before moto, which lists machines and volumes,
// and the machines that run for it here.
type cloudFleet struct {
	*fleet
	proxy     *mototest.Proxy
	machines  *machines.Machines
	authority *attesttest.Authority // of the machines' identity documents
	ec2       *ec2.Client           // moto, without the proxy that counts
	route53   *route53.Client       // likewise
	secrets   *secretsmanager.Client
	tag       string // of the fleet
	zone      string // hosted
	config    string
}

// newCloudFleet starts a control plane on an empty fleet. Its configuration has more
// sections at the end.
func newCloudFleet(t *testing.T, disks bool, more ...string) *cloudFleet {
	t.Helper()
	endpoint := os.Getenv("MAINSTAY_TEST_MOTO")
	if endpoint == "" {
		t.Skip("MAINSTAY_TEST_MOTO does not name an endpoint: run make conformance")
	}
	programs := build(t)
	dir := t.TempDir()
	t.Cleanup(func() { nothingLeft(t, dir) }) // after all other ends
	moto := aws.Config{
		Region: region, BaseEndpoint: aws.String(endpoint), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	f := &cloudFleet{
		proxy: mototest.New(t, endpoint), authority: attesttest.NewAuthority(t), tag: "e2e-" + uuid.NewString()[:8],
		ec2: ec2.NewFromConfig(moto), route53: route53.NewFromConfig(moto), secrets: secretsmanager.NewFromConfig(moto),
		fleet: &fleet{t: t, dir: filepath.Join(dir, "fleet"), out: &output{},
			env: []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true"}},
	}
	f.resolve = func(host string) string { return f.records()[host+" A"] }
	f.makeZone()
	hub := newHub(t)
	f.config = f.configure(dir, hub, more)
	f.machines = machines.Run(t, machines.Options{
		Proxy: f.proxy, Endpoint: endpoint, Region: region, Fleet: f.tag, Dir: filepath.Join(dir, "machines"),
		Agent: filepath.Join(programs, "bin", "mainstay-agent"), Versions: filepath.Join(programs, "dolt"), Authority: f.authority, Disks: disks,
	})
	t.Cleanup(func() { f.endServe(dir) })
	f.serve()
	return f
}

// configure writes the configuration as a person would, and what it names.
func (f *cloudFleet) configure(dir string, hub bareHub, more []string) string {
	f.t.Helper()
	certificates := filepath.Join(dir, "certificates")
	config := filepath.Join(dir, "mainstay.yaml")
	content := fmt.Sprintf(`hub:
  url: %s
  user: root
  password_file: hub.password
dir: %s
cloud:
  ec2:
    fleet: %s
    region: %s
    ami: %s
    subnets: %s
    identity_certificates: certificates
    endpoint: %s
dns:
  hosted_zone: %s
  domain: %s
secrets:
  aws: {}
log_level: debug
`, hub.url, f.dir, f.tag, region, f.image(), f.subnets(), f.proxy.URL, f.zone, domain)
	if err := os.Mkdir(certificates, 0o700); err != nil {
		f.t.Fatal(err)
	}
	write(f.t, config, content+strings.Join(more, ""))
	write(f.t, filepath.Join(dir, "hub.password"), hub.password)
	write(f.t, filepath.Join(certificates, region+".pem"), string(f.authority.PEM()))
	return config
}

// subnets are moto's, by zone, as a flow of YAML.
func (f *cloudFleet) subnets() string {
	f.t.Helper()
	out, err := f.ec2.DescribeSubnets(f.t.Context(), &ec2.DescribeSubnetsInput{})
	if err != nil {
		f.t.Fatal(err)
	}
	var all []string
	for _, s := range out.Subnets {
		all = append(all, aws.ToString(s.AvailabilityZone)+": "+aws.ToString(s.SubnetId))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

func (f *cloudFleet) image() string {
	f.t.Helper()
	out, err := f.ec2.DescribeImages(f.t.Context(), &ec2.DescribeImagesInput{Owners: []string{"amazon"}})
	if err != nil || len(out.Images) == 0 {
		f.t.Fatalf("moto has no image: %v", err)
	}
	return aws.ToString(out.Images[0].ImageId)
}

// serve starts mainstay serve and waits until it serves. Its log goes on where a
// former one's ended.
func (f *cloudFleet) serve() {
	f.t.Helper()
	before := strings.Count(f.out.String(), "msg=serving")
	f.up = exec.Command(program(f.t), "serve", "--config", f.config)
	f.up.Env = append(environmentIn(f.home()), f.env...)
	f.up.Stdout, f.up.Stderr = f.out, f.out
	f.up.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a signal to the test is not one to it
	if err := f.up.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.within("mainstay serve serves", func() bool { return strings.Count(f.out.String(), "msg=serving") > before })
}

// nothingLeft looks for processes that should not be there.
func nothingLeft(t *testing.T, dir string) {
	for _, pid := range pids(dir) {
		t.Errorf("process %d is left: %s", pid, commandLine(pid))
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// endServe ends mainstay serve, and shows what it said if the test failed.
func (f *cloudFleet) endServe(dir string) {
	if err := f.signal(syscall.SIGTERM); err != nil {
		f.t.Errorf("mainstay serve did not end well: %v", err)
	}
	if f.t.Failed() {
		f.t.Logf("the end of what mainstay serve said:\n%s", tailOf(f.out.String()))
		logs, _ := filepath.Glob(filepath.Join(dir, "machines", "machines", "*", "agent.log"))
		for _, log := range logs[:min(2, len(logs))] {
			f.tail(log)
		}
	}
}

// tailOf is the end of a log, without the lines that tell of passes in which all
// went well.
func tailOf(log string) string {
	const most = 12000 // some sixty lines
	return log[max(0, len(log)-most):]
}

// within waits for a condition that costs little to look at.
func (f *cloudFleet) within(what string, met func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); !met(); time.Sleep(pause) {
		if time.Now().After(deadline) {
			stdout, stderr, _ := f.run("status", "-o", "wide")
			f.t.Fatalf("after %s it is still not so that %s\n%s%s", patience, what, stdout, stderr)
		}
		if f.up != nil && f.up.ProcessState != nil {
			f.t.Fatalf("mainstay serve ended while it was waited that %s", what)
		}
	}
}

// change commits SQL on main and waits until the fleet is as it says. The log tells
// when, which costs less than to ask again and again.
func (f *cloudFleet) change(statement string) {
	f.t.Helper()
	commit := f.commit(statement)
	f.within("the fleet has converged on "+statement, func() bool {
		return strings.Contains(f.out.String(), "msg=converged commit="+commit)
	})
	f.converged() // it is recorded a moment later
}

// commit is the one on main that a change made.
func (f *cloudFleet) commit(statement string) string {
	f.t.Helper()
	f.sql(statement)
	return f.status().Head
}

// instances are the fleet's in moto, whatever their state.
func (f *cloudFleet) instances() []types.Instance {
	f.t.Helper()
	out, err := f.ec2.DescribeInstances(f.t.Context(), &ec2.DescribeInstancesInput{Filters: f.ours()})
	if err != nil {
		f.t.Fatal(err)
	}
	var all []types.Instance
	for _, r := range out.Reservations {
		all = append(all, r.Instances...)
	}
	return all
}

// running are those that are not gone.
func (f *cloudFleet) running() (ids []string) {
	f.t.Helper()
	for _, i := range f.instances() {
		if i.State.Name != types.InstanceStateNameTerminated {
			ids = append(ids, aws.ToString(i.InstanceId))
		}
	}
	return ids
}

// volumes are the fleet's, those of machines' systems left out.
func (f *cloudFleet) volumes() map[string]types.Volume {
	f.t.Helper()
	out, err := f.ec2.DescribeVolumes(f.t.Context(), &ec2.DescribeVolumesInput{Filters: f.ours()})
	if err != nil {
		f.t.Fatal(err)
	}
	all := map[string]types.Volume{}
	for _, v := range out.Volumes {
		if len(v.Attachments) == 0 || !aws.ToBool(v.Attachments[0].DeleteOnTermination) {
			all[aws.ToString(v.VolumeId)] = v
		}
	}
	return all
}

func (f *cloudFleet) ours() []types.Filter {
	return []types.Filter{{Name: aws.String("tag:mainstay:fleet"), Values: []string{f.tag}}}
}

// passwords are the ids of the deployments whose password is in Secrets Manager.
func (f *cloudFleet) passwords() map[string]bool {
	f.t.Helper()
	all := map[string]bool{}
	pages := secretsmanager.NewListSecretsPaginator(f.secrets, &secretsmanager.ListSecretsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		for _, s := range page.SecretList {
			name, ours := strings.CutPrefix(aws.ToString(s.Name), "mainstay/"+f.tag+"/deployments/")
			if id, is := strings.CutSuffix(name, "/password"); ours && is {
				all[id] = true
			}
		}
	}
	return all
}
