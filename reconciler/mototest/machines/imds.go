package machines

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/attest/attesttest"
	"github.com/mainstaydb/mainstay/reconciler/mototest"
)

// ServeHTTP implements http.Handler: the metadata services of all machines, version
// 2 alone. A path begins with the machine's id.
func (m *Machines) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	m.mu.Lock()
	instance, listed := m.instances[id]
	m.mu.Unlock()
	token := "token of " + id
	switch {
	case !listed:
		http.NotFound(w, r)
	case r.Method == http.MethodPut && path == "latest/api/token" && r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") != "":
		_, _ = w.Write([]byte(token))
	case r.Method != http.MethodGet:
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
	case r.Header.Get("X-aws-ec2-metadata-token") != token:
		http.Error(w, "a token is needed", http.StatusUnauthorized)
	default:
		m.answer(w, r, instance, path)
	}
}

func (m *Machines) answer(w http.ResponseWriter, r *http.Request, i types.Instance, path string) {
	var text string
	var err error
	switch path {
	case "latest/meta-data/instance-id":
		text = aws.ToString(i.InstanceId)
	case "latest/meta-data/placement/region":
		text = m.o.Region
	case "latest/meta-data/local-ipv4":
		text = mototest.OnLoopback(aws.ToString(i.PrivateIpAddress))
	case "latest/user-data":
		text, err = m.userData(r.Context(), aws.ToString(i.InstanceId))
	case "latest/dynamic/instance-identity/rsa2048":
		text = m.document(i)
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write([]byte(text))
}

// userData is what the machine was launched with, less what machines of one
// computer cannot share: the image's place of Dolt, and the port for metrics.
func (m *Machines) userData(ctx context.Context, id string) (string, error) {
	out, err := m.client.DescribeInstanceAttribute(ctx, &sdk.DescribeInstanceAttributeInput{
		InstanceId: aws.String(id), Attribute: types.InstanceAttributeNameUserData,
	})
	if err != nil {
		return "", err
	}
	if out.UserData == nil {
		return "", fmt.Errorf("instance %s has no user data", id)
	}
	data, err := base64.StdEncoding.DecodeString(aws.ToString(out.UserData.Value))
	if err != nil {
		return "", err
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return "", err
	}
	fields["versions_dir"] = m.o.Versions
	delete(fields, "metrics")
	data, err = json.Marshal(fields)
	return string(data), err
}

// document is the signed word on who the machine is, in lines as EC2 writes it.
func (m *Machines) document(i types.Instance) string {
	m.mu.Lock()
	authority := m.authority
	m.mu.Unlock()
	launched := aws.ToTime(i.LaunchTime).Truncate(time.Second)
	signed := authority.Sign(attesttest.Document(account, m.o.Region, aws.ToString(i.InstanceId), launched))
	text := base64.StdEncoding.EncodeToString(signed)
	const width = 64
	var lines []string
	for ; len(text) > width; text = text[width:] {
		lines = append(lines, text[:width])
	}
	return strings.Join(append(lines, text), "\n")
}
