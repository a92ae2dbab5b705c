package mototest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/reconciler/mototest"
)

// echo stands behind the proxy: it answers with what it was asked, numbered.
func echo(t *testing.T) (proxy *mototest.Proxy, asked func() []string) {
	t.Helper()
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		_, _ = w.Write(append([]byte("<id>i-1</id>"), body...))
	}))
	t.Cleanup(server.Close)
	return mototest.New(t, server.URL), func() []string { return bodies }
}

type request struct{ method, path, service, kind, target, body string }

func (r request) send(t *testing.T, p *mototest.Proxy) (int, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), r.method, p.URL+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/"+r.service+"/aws4_request, SignedHeaders=host")
	q.Header.Set("Content-Type", r.kind)
	if r.target != "" {
		q.Header.Set("X-Amz-Target", r.target)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func form(body string) request {
	return request{http.MethodPost, "/", "ec2", "application/x-www-form-urlencoded", "", body}
}

// TestServices: requests of every protocol reach moto, are counted under their
// names, and are refused in their words.
func TestServices(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		request
		want    string
		refusal string
	}{
		{form("Action=DescribeSubnets&Version=1"), "ec2 DescribeSubnets", "<Code>No</Code>"},
		{request{"POST", "/", "sts", "application/x-www-form-urlencoded", "", "Action=GetCallerIdentity"}, "sts GetCallerIdentity", "<ErrorResponse>"},
		{request{"POST", "/", "secretsmanager", "application/x-amz-json-1.1", "secretsmanager.GetSecretValue", "{}"}, "secretsmanager GetSecretValue", `"__type":"No"`},
		{request{"GET", "/2013-04-01/hostedzone/Z1", "route53", "", "", ""}, "route53 GetHostedZone", "<Code>No</Code>"},
		{request{"GET", "/2013-04-01/change/C1", "route53", "", "", ""}, "route53 GetChange", "<Code>No</Code>"},
		{request{"POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", "monitoring", "application/cbor", "", "\xa0"}, "monitoring PutMetricData", ""},
		{request{"PUT", "/bucket/key", "s3", "", "", "x"}, "s3 PUT /bucket/key", "<Code>No</Code>"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			p, asked := echo(t)
			if status, _ := c.send(t, p); status != http.StatusOK || asked()[len(asked())-1] != c.body {
				t.Errorf("status %d, and %q reached moto, want %q", status, asked(), c.body)
			}
			before := len(asked())
			if p.Requests()[c.want] != 1 {
				t.Errorf("counted %v, want %s", p.Requests(), c.want)
			}
			_, action, _ := strings.Cut(c.want, " ")
			p.Failing(mototest.On(action, mototest.Fault{Status: http.StatusForbidden, Code: "No"}))
			if status, body := c.send(t, p); status != http.StatusForbidden || !strings.Contains(body, c.refusal) || len(asked()) != before {
				t.Errorf("refused with status %d, %q, after %d requests that reached moto", status, body, len(asked())-before)
			}
		})
	}
}

// TestLaunch: a token launches once, as many machines as it may, and only as one request.
func TestLaunch(t *testing.T) {
	t.Parallel()
	p, asked := echo(t)
	launch := form("Action=RunInstances&ClientToken=a&MaxCount=3&MinCount=1")
	_, first := launch.send(t, p)
	_, again := launch.send(t, p)
	if len(asked()) != 1 || !strings.Contains(asked()[0], "MinCount=3") || first != again {
		t.Errorf("moto was asked %v, and answered %q and %q", asked(), first, again)
	}
	other := form("Action=RunInstances&ClientToken=a&MaxCount=2&MinCount=1")
	if status, body := other.send(t, p); status != http.StatusBadRequest || !strings.Contains(body, "IdempotentParameterMismatch") {
		t.Errorf("the token with other parameters: status %d, %q", status, body)
	}
	p.Failing(mototest.On("RunInstances", mototest.Fault{Only: 2, Status: http.StatusInternalServerError, Code: "InternalError", After: true}))
	lost := form("Action=RunInstances&ClientToken=b&MaxCount=3&MinCount=1")
	if status, _ := lost.send(t, p); status != http.StatusInternalServerError || !strings.Contains(asked()[1], "MaxCount=2") {
		t.Errorf("status %d; moto was asked %q, want 2 machines and a lost answer", status, asked()[1])
	}
}

// TestRecords: a batch is made whole, in words that moto takes, or refused with
// Route 53's reasons.
func TestRecords(t *testing.T) {
	t.Parallel()
	const there = "<ResourceRecordSet><Name>a.example.com.</Name><Type>A</Type><TTL>60</TTL></ResourceRecordSet>"
	var batches []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, "<x><ResourceRecordSets>"+there+"</ResourceRecordSets></x>")
			return
		}
		body, _ := io.ReadAll(r.Body)
		batches = append(batches, string(body))
	}))
	t.Cleanup(server.Close)
	p := mototest.New(t, server.URL)
	const del, del30, make60, make30 = "DELETE 60", "DELETE 30", "CREATE 60", "CREATE 30"
	for _, c := range []struct {
		changes []string
		refusal string
	}{
		{[]string{make60}, "already exists"},
		{[]string{del30}, "do not match"},
		{[]string{del, make60}, "invalid set of changes"},
		{nil, "InvalidInput"},
		{[]string{del, make30}, ""},
	} {
		body := "<x><ChangeBatch><Changes>"
		for _, change := range c.changes {
			action, ttl, _ := strings.Cut(change, " ")
			body += "<Change><Action>" + action + "</Action><ResourceRecordSet><Name>A.example.com</Name><Type>A</Type><TTL>" + ttl + "</TTL></ResourceRecordSet></Change>"
		}
		before := len(batches)
		status, answer := request{"POST", "/2013-04-01/hostedzone/Z1/rrset/", "route53", "application/xml", "", body + "</Changes></ChangeBatch></x>"}.send(t, p)
		if made := len(batches) > before; made != (c.refusal == "") || made != (status == http.StatusOK) || !strings.Contains(answer, c.refusal) {
			t.Errorf("%v: made %t, status %d, %s; want %q", c.changes, made, status, answer, c.refusal)
		}
	}
	if len(batches) != 1 || !strings.Contains(batches[0], "<Action>UPSERT</Action>") {
		t.Errorf("moto was asked %q", batches)
	}
	if status, answer := (request{"GET", "/2013-04-01/hostedzone/Z1/rrset?name=b.example.com", "route53", "", "", ""}).send(t, p); status != http.StatusOK || strings.Contains(answer, "a.example") {
		t.Errorf("listed from b on: status %d, %s", status, answer)
	}
	if p.Count("ListResourceRecordSets") != 1 || p.Count("ChangeResourceRecordSets") != 5 {
		t.Errorf("counted %v", p.Requests())
	}
}

// TestLag: a listing that lags tells what it told last.
func TestLag(t *testing.T) {
	t.Parallel()
	p, asked := echo(t)
	all := form("Action=DescribeInstances&MaxResults=1000")
	_, before := all.send(t, p)
	end := p.Lag("DescribeInstances")
	if _, now := all.send(t, p); now != before || len(asked()) != 1 {
		t.Errorf("listed %q, want %q", now, before)
	}
	if _, body := form("Action=DescribeInstances&Filter.1.Name=x").send(t, p); strings.Contains(body, "i-1") {
		t.Errorf("what was not listed yet is listed: %q", body)
	}
	if _, body := form("Action=DescribeInstances&InstanceId.1=i-2").send(t, p); !strings.Contains(body, "InvalidInstanceID.NotFound") {
		t.Errorf("an id that was not listed yet is found: %q", body)
	}
	if status, _ := form("Action=DescribeInstances&InstanceId.1=i-1").send(t, p); status != http.StatusOK {
		t.Errorf("an id that was listed before is not found: status %d", status)
	}
	end()
	all.send(t, p)
	if len(asked()) != 3 {
		t.Errorf("%d requests reached moto, want 3", len(asked()))
	}
}
