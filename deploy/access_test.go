package deploy_test

import (
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A request is what AWS asks of a policy: an action on one resource, with what is
// known of the two. AWS asks once for each resource that an action touches.
type request struct {
	action   string
	resource string
	context  map[string][]string
}

type statement struct {
	Action    list
	Resource  list
	Condition map[string]map[string]list
}

// A list is a string or several.
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = list{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// like is IAM's comparison with wildcards, which reach over slashes too.
func like(pattern, s string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(s, "/", "\x00"))
	return ok && err == nil
}

func (l list) has(s string, same func(pattern, s string) bool) bool {
	return slices.ContainsFunc(l, func(p string) bool { return same(p, s) })
}

func equal(a, b string) bool { return a == b }

func atMost(limit, s string) bool {
	l, err := strconv.ParseFloat(limit, 64)
	n, bad := strconv.ParseFloat(s, 64)
	return err == nil && bad == nil && n <= l
}

// holds is the part of IAM's language that our policies use.
func holds(t *testing.T, operator, key string, want list, context map[string][]string) bool {
	t.Helper()
	have, there := context[key]
	name, optional := strings.CutSuffix(operator, "IfExists")
	name, all := strings.CutPrefix(name, "ForAllValues:")
	if name == "Null" {
		return (want[0] == "true") == !there
	}
	if !there {
		return optional || all
	}
	same, ok := map[string]func(string, string) bool{"StringEquals": equal, "StringLike": like, "ArnEquals": like, "NumericLessThanEquals": atMost}[name]
	if !ok {
		t.Fatalf("the operator %s is not known to this test", operator)
	}
	return !slices.ContainsFunc(have, func(v string) bool { return !want.has(v, same) })
}

func allows(t *testing.T, file string, r request) bool {
	t.Helper()
	var policy struct{ Statement []statement }
	if err := json.Unmarshal(read(t, file), &policy); err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(policy.Statement, func(s statement) bool {
		if !s.Action.has(r.action, equal) || !s.Resource.has(r.resource, like) {
			return false
		}
		for operator, keys := range s.Condition {
			for key, want := range keys {
				if !holds(t, operator, key, want, r.context) {
					return false
				}
			}
		}
		return true
	})
}

// known puts a context together: "key=value" each, a key again for a second value.
func known(facts ...string) map[string][]string {
	c := map[string][]string{}
	for _, f := range facts {
		key, value, _ := strings.Cut(f, "=")
		c[key] = append(c[key], value)
	}
	return c
}

const (
	here     = "arn:aws:ec2:eu-central-1:111122223333:"
	instance = here + "instance/i-0123456789abcdef0"
	volume   = here + "volume/vol-0123456789abcdef0"
	snapshot = "arn:aws:ec2:eu-central-1::snapshot/snap-0123456789abcdef0"
	zone     = "arn:aws:route53:::hostedzone/Z0EXAMPLE"
	names    = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
	types    = "route53:ChangeResourceRecordSetsRecordTypes"
	profile  = "ec2:InstanceProfile=arn:aws:iam::111122223333:instance-profile/mainstay-example-machine"
	asked    = "aws:RequestTag/mainstay:fleet=example"
	ours     = "aws:ResourceTag/mainstay:fleet=example"
	theirs   = "aws:ResourceTag/mainstay:fleet=other"
	v2, hop  = "ec2:MetadataHttpTokens=required", "ec2:MetadataHttpPutResponseHopLimit=1"
)

// TestReconcilerAccess: the control plane may do its work, on the fleet's own alone.
func TestReconcilerAccess(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		want bool
		request
	}{
		{"launch", true, request{"ec2:RunInstances", instance, known(asked, v2, hop, profile)}},
		{"launch without the fleet's tag", false, request{"ec2:RunInstances", instance, known(v2, hop, profile)}},
		{"launch for another fleet", false, request{"ec2:RunInstances", instance, known("aws:RequestTag/mainstay:fleet=other", v2, hop, profile)}},
		{"launch with IMDSv1", false, request{"ec2:RunInstances", instance, known(asked, "ec2:MetadataHttpTokens=optional", hop, profile)}},
		{"launch with two hops", false, request{"ec2:RunInstances", instance, known(asked, v2, "ec2:MetadataHttpPutResponseHopLimit=2", profile)}},
		{"launch with another role", false, request{"ec2:RunInstances", instance, known(asked, v2, hop, "ec2:InstanceProfile=arn:aws:iam::111122223333:instance-profile/admin")}},
		{"launch elsewhere", false, request{"ec2:RunInstances", "arn:aws:ec2:us-east-1:111122223333:instance/i-0", known(asked, v2, hop, profile)}},
		{"its new volume", true, request{"ec2:RunInstances", volume, known(asked)}},
		{"its system's volume, when it takes over one with data", true, request{"ec2:RunInstances", volume, known()}},
		{"a new volume of another fleet", false, request{"ec2:RunInstances", volume, known("aws:RequestTag/mainstay:fleet=other")}},
		{"an own image", true, request{"ec2:RunInstances", "arn:aws:ec2:eu-central-1::image/ami-1", known("ec2:Owner=111122223333")}},
		{"a stranger's image", false, request{"ec2:RunInstances", "arn:aws:ec2:eu-central-1::image/ami-1", known("ec2:Owner=444455556666")}},
		{"a subnet", true, request{"ec2:RunInstances", here + "subnet/subnet-1", known("ec2:Vpc=" + here + "vpc/vpc-0example")}},
		{"a subnet of another network", false, request{"ec2:RunInstances", here + "subnet/subnet-1", known("ec2:Vpc=" + here + "vpc/vpc-1")}},
		{"the machines' group", true, request{"ec2:RunInstances", here + "security-group/sg-0machines", known()}},
		{"another group", false, request{"ec2:RunInstances", here + "security-group/sg-1", known()}},
		{"the machines' role", true, request{"iam:PassRole", "arn:aws:iam::111122223333:role/mainstay-example-machine", known("iam:PassedToService=ec2.amazonaws.com")}},
		{"its own role", false, request{"iam:PassRole", "arn:aws:iam::111122223333:role/mainstay-example-reconciler", known("iam:PassedToService=ec2.amazonaws.com")}},
		{"the role to another service", false, request{"iam:PassRole", "arn:aws:iam::111122223333:role/mainstay-example-machine", known("iam:PassedToService=lambda.amazonaws.com")}},
		{"tags of a launch", true, request{"ec2:CreateTags", instance, known(asked, "ec2:CreateAction=RunInstances", "aws:TagKeys=mainstay:fleet", "aws:TagKeys=mainstay:token")}},
		{"labels", true, request{"ec2:CreateTags", volume, known(ours, "aws:TagKeys=mainstay:deployment", "aws:TagKeys=mainstay:ordinal")}},
		{"the fleet's tag on what exists", false, request{"ec2:CreateTags", volume, known(asked, "aws:TagKeys=mainstay:fleet")}},
		{"the fleet's tag on its own", false, request{"ec2:CreateTags", volume, known(ours, asked, "aws:TagKeys=mainstay:fleet")}},
		{"labels on another's", false, request{"ec2:CreateTags", volume, known(theirs, "aws:TagKeys=mainstay:deployment")}},
		{"all tags off", false, request{"ec2:DeleteTags", volume, known(ours)}},
		{"terminate", true, request{"ec2:TerminateInstances", instance, known(ours)}},
		{"terminate another fleet's", false, request{"ec2:TerminateInstances", instance, known(theirs)}},
		{"terminate anything", false, request{"ec2:TerminateInstances", instance, known()}},
		{"attach", true, request{"ec2:AttachVolume", volume, known(ours)}},
		{"attach another fleet's", false, request{"ec2:AttachVolume", volume, known(theirs)}},
		{"attach to another's machine", false, request{"ec2:AttachVolume", instance, known(theirs)}},
		{"delete a volume", true, request{"ec2:DeleteVolume", volume, known(ours)}},
		{"delete any volume", false, request{"ec2:DeleteVolume", volume, known()}},
		{"make a snapshot", true, request{"ec2:CreateSnapshot", snapshot, known(asked)}},
		{"delete any snapshot", false, request{"ec2:DeleteSnapshot", snapshot, known()}},
		{"list", true, request{"ec2:DescribeVolumes", "*", known("aws:RequestedRegion=eu-central-1")}},
		{"list elsewhere", false, request{"ec2:DescribeVolumes", "*", known("aws:RequestedRegion=us-east-1")}},
		{"an address and its owner", true, request{"route53:ChangeResourceRecordSets", zone, known(names+"=orders.db.example.org", names+"=_mainstay.orders.db.example.org", types+"=A", types+"=TXT")}},
		{"an answer to the authority", true, request{"route53:ChangeResourceRecordSets", zone, known(names+"=_acme-challenge.orders.db.example.org", types+"=TXT")}},
		{"an address beside the domain", false, request{"route53:ChangeResourceRecordSets", zone, known(names+"=www.example.org", types+"=A")}},
		{"one within and one beside", false, request{"route53:ChangeResourceRecordSets", zone, known(names+"=a.db.example.org", names+"=www.example.org", types+"=A")}},
		{"where mail goes", false, request{"route53:ChangeResourceRecordSets", zone, known(names+"=db.example.org", types+"=MX")}},
		{"a delegation", false, request{"route53:ChangeResourceRecordSets", zone, known(names+"=x.db.example.org", types+"=NS")}},
		{"a secret", true, request{"secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:mainstay/example/ca-AbCdEf", known()}},
		{"another fleet's secret", false, request{"secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:mainstay/example2/ca-AbCdEf", known()}},
		{"delete a secret", false, request{"secretsmanager:DeleteSecret", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:mainstay/example/ca-AbCdEf", known()}},
	} {
		if got := allows(t, "iam/reconciler.json", c.request); got != c.want {
			t.Errorf("%s: allowed %v, want %v", c.name, got, c.want)
		}
	}
}

// TestMachineAccess: who breaks into a machine can tell lies about it, and no more.
func TestMachineAccess(t *testing.T) {
	t.Parallel()
	const logs = "arn:aws:logs:eu-central-1:111122223333:log-group:/mainstay/"
	for _, c := range []struct {
		name string
		want bool
		request
	}{
		{"metrics", true, request{"cloudwatch:PutMetricData", "*", known("cloudwatch:namespace=Mainstay", "aws:RequestedRegion=eu-central-1")}},
		{"metrics of others", false, request{"cloudwatch:PutMetricData", "*", known("cloudwatch:namespace=AWS/EC2", "aws:RequestedRegion=eu-central-1")}},
		{"logs", true, request{"logs:PutLogEvents", logs + "example/agent:log-stream:i-0", known()}},
		{"a stream", true, request{"logs:CreateLogStream", logs + "example/database:log-stream:i-0", known()}},
		{"another fleet's logs", false, request{"logs:PutLogEvents", logs + "other/agent:log-stream:i-0", known()}},
		{"reading logs", false, request{"logs:GetLogEvents", logs + "example/agent:log-stream:i-0", known()}},
		{"a secret", false, request{"secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:mainstay/example/ca-AbCdEf", known()}},
		{"its volume", false, request{"ec2:DetachVolume", volume, known(ours)}},
	} {
		if got := allows(t, "iam/machine.json", c.request); got != c.want {
			t.Errorf("%s: allowed %v, want %v", c.name, got, c.want)
		}
	}
}
