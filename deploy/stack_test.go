package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"testing"

	"gopkg.in/yaml.v3"
)

// read returns a file of the project; tests run in deploy/.
func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The examples that the policies in iam/ are written with.
var example = map[string]string{
	"AWS::Partition": "aws", "AWS::Region": "eu-central-1", "AWS::AccountId": "111122223333",
	"FleetName": "example", "Domain": "db.example.org", "HostedZoneId": "Z0EXAMPLE",
	"VpcId": "vpc-0example", "MachineGroup.GroupId": "sg-0machines",
}

// template is the fleet's stack as CloudFormation sees it with those parameters.
func template(t *testing.T) map[string]any {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(read(t, "cloudformation/mainstay.yaml"), &doc); err != nil {
		t.Fatal(err)
	}
	return value(t, doc.Content[0]).(map[string]any)
}

// value resolves the intrinsic functions that policies use. Others stay unread:
// what they stand for is in no policy.
func value(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch {
	case n.Tag == "!Ref":
		return example[n.Value]
	case n.Tag == "!Sub" && n.Kind == yaml.ScalarNode:
		return substitute(n.Value)
	case n.Kind == yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = value(t, n.Content[i+1])
		}
		return m
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, value(t, item))
		}
		return list
	}
	return n.Value
}

var reference = regexp.MustCompile(`\$\{([^}]+)\}`)

func substitute(s string) string {
	return reference.ReplaceAllStringFunc(s, func(r string) string {
		if v, ok := example[r[2:len(r)-1]]; ok {
			return v
		}
		return r
	})
}

// dig follows keys into a template.
func dig(t *testing.T, from any, keys ...string) any {
	t.Helper()
	for _, key := range keys {
		m, ok := from.(map[string]any)
		if !ok || m[key] == nil {
			t.Fatalf("the stack has no %s of %v", key, keys)
		}
		from = m[key]
	}
	return from
}

// canonical is a value as JSON with sorted keys.
func canonical(t *testing.T, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestPoliciesOfTheStack: whoever sets a fleet up by the stack gets what iam/
// explains.
func TestPoliciesOfTheStack(t *testing.T) {
	t.Parallel()
	resources := dig(t, template(t), "Resources")
	for _, p := range []struct{ file, resource string }{{"machine", "MachinePolicy"}, {"reconciler", "ReconcilerPolicy"}} {
		var want any
		if err := json.Unmarshal(read(t, "iam/"+p.file+".json"), &want); err != nil {
			t.Fatalf("iam/%s.json: %v", p.file, err)
		}
		got := dig(t, resources, p.resource, "Properties", "PolicyDocument")
		if canonical(t, got) != canonical(t, want) {
			t.Errorf("iam/%s.json and the stack's %s differ:\n%s\n%s", p.file, p.resource, canonical(t, want), canonical(t, got))
		}
		// AWS counts a managed policy without white space; long names add up to a few
		// hundred characters.
		const limit, names = 6144, 600
		if n := len(compact(t, want)); n > limit-names {
			t.Errorf("iam/%s.json has %d characters; AWS allows %d, and real names are longer than the example's", p.file, n, limit)
		}
	}
}

func compact(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestPortsOfTheStack: what machines listen on is open, to those it is for, and
// nothing else is.
func TestPortsOfTheStack(t *testing.T) {
	t.Parallel()
	resources := dig(t, template(t), "Resources").(map[string]any)
	open := map[string]bool{}
	for name, r := range resources {
		if dig(t, r, "Type") != "AWS::EC2::SecurityGroupIngress" {
			if p, ok := r.(map[string]any)["Properties"].(map[string]any); ok && p["SecurityGroupIngress"] != nil {
				t.Errorf("%s opens ports by itself; give each opening a resource of its own", name)
			}
			continue
		}
		p := dig(t, r, "Properties")
		from, to := dig(t, p, "FromPort"), dig(t, p, "ToPort")
		if from != to {
			t.Errorf("%s opens ports %v to %v", name, from, to)
		}
		open[fmt.Sprintf("%s %v", name, from)] = true
	}
	for _, want := range []string{"AgentsFromReconcilers 7700", "DatabasesFromReconcilers 3306", "DatabasesFromClientCidr 3306", "DatabasesFromClientCidrIpv6 3306", "DatabasesFromClientGroup 3306"} {
		if !open[want] {
			t.Errorf("the stack does not open %s", want)
		}
		delete(open, want)
	}
	for extra := range open {
		t.Errorf("the stack opens %s, which nobody asked for", extra)
	}
}
