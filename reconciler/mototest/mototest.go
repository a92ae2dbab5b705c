// Package mototest makes moto, a stand-in for AWS's API, answer tests the way AWS
// documents, and fail the way AWS does.
//
// A Proxy stands between the SDK and moto. It adds what moto lacks of EC2: a client
// token launches once, a launch makes as many machines as it may, and what was
// terminated does not start. No machine is unwell. Of Route 53 it adds the order of
// listings and their octal codes, that a batch is made whole or refused with reasons,
// its limits, and that batches of a zone must not overlap; of Secrets Manager, that a
// name is taken once. Requests of other services pass unchanged.
//
// It counts requests by service and action, and can be told to refuse, to lose an
// answer, or to list what was there some time ago. It can list machines at addresses
// that this computer has, for package machines to run them. It checks no signature,
// and it is for tests alone.
package mototest

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// A Proxy is an http.Handler before moto, and a server of it. Safe for concurrent use.
type Proxy struct {
	URL string // where it listens: what the SDK's BaseEndpoint is set to

	moto     *httputil.ReverseProxy
	launches launches
	listings listings
	changed  chan struct{}
	zones    sync.Map   // by path: held while a batch of the zone is made
	secrets  sync.Mutex // held while one is created, as moto looks and creates in two steps

	mu       sync.Mutex
	requests map[[2]string]int // by service and action
	since    map[string]int    // by action, since Failing was called last
	fault    func(Request) *Fault
	loopback bool
}

// Open starts a proxy before the moto that make conformance starts, and skips the
// test where there is none.
func Open(t testing.TB) *Proxy {
	t.Helper()
	endpoint := os.Getenv("MAINSTAY_TEST_MOTO")
	if endpoint == "" {
		t.Skip("MAINSTAY_TEST_MOTO does not name an endpoint: run make conformance")
	}
	return New(t, endpoint)
}

// New starts a proxy before the moto at the endpoint. It ends with the test.
func New(t testing.TB, endpoint string) *Proxy {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{moto: httputil.NewSingleHostReverseProxy(u), launches: newLaunches(), listings: newListings(), requests: map[[2]string]int{},
		since: map[string]int{}, changed: make(chan struct{}, 1)}
	p.moto.ErrorLog = log.New(io.Discard, "", 0) // callers that went away while moto answered are part of tests
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Region is the one that Config asks in.
const Region = "eu-west-1"

// Config is for clients that ask the proxy.
func (p *Proxy) Config() aws.Config {
	return aws.Config{Region: Region, BaseEndpoint: aws.String(p.URL), Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := parse(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f := p.take(&q)
	if f.Before != nil {
		f.Before()
	}
	refused := f.Status != 0 || f.Code != ""
	var answer *httptest.ResponseRecorder
	if !refused && !f.Hang && !f.Cut || f.After {
		answer = p.forward(r, q, f.Only)
		p.tell(q)
	}
	switch {
	case f.Hang:
		<-r.Context().Done()
		return
	case f.Cut:
		panic(http.ErrAbortHandler) // the way to break a connection off
	case refused:
		answer = q.refusal(f.Status, f.Code, f.Message)
	}
	body := p.addressed(q, answer.Body.String()) // the recorder may be answered with again
	if f.Edit != nil && !refused {
		body = f.Edit(body)
	}
	for k, v := range answer.Header() {
		if k != "Content-Length" {
			w.Header()[k] = v
		}
	}
	w.WriteHeader(answer.Code)
	_, _ = io.WriteString(w, body) // a caller that is gone wants no answer
}

func (p *Proxy) forward(r *http.Request, q Request, only int) *httptest.ResponseRecorder {
	send := func(q Request) *httptest.ResponseRecorder { return p.send(r, q) }
	switch {
	case q.Service == route53:
		return p.name(r, q)
	case q.Service == "secretsmanager" && q.Action == "CreateSecret":
		p.secrets.Lock()
		defer p.secrets.Unlock()
		return send(q)
	case q.Service != ec2:
		return send(q)
	}
	switch q.Action {
	case "RunInstances":
		return p.launches.launch(q, only, send)
	case "StartInstances":
		return p.launches.start(q, send)
	case "TerminateInstances":
		return p.launches.end(q, send)
	case "DescribeInstanceStatus":
		return nothing(q) // moto knows none of its filters: no machine is unwell, unless Edit says so
	}
	if strings.HasPrefix(q.Action, "Describe") {
		return p.listings.list(q, send)
	}
	return send(q)
}

// send has moto answer.
func (p *Proxy) send(r *http.Request, q Request) *httptest.ResponseRecorder {
	// moto fails when what it lists changes meanwhile, which AWS does not: such a
	// question is asked again.
	for range listTries {
		if w := p.ask(r, q); w.Code != http.StatusInternalServerError || !asks(q.Action) {
			return w
		}
	}
	return p.ask(r, q)
}

// listTries is for a handful of tests side by side.
const listTries = 5

// asks says whether a request changes nothing.
func asks(action string) bool {
	return strings.HasPrefix(action, "Describe") || strings.HasPrefix(action, "List") || strings.HasPrefix(action, "Get")
}

func (p *Proxy) ask(r *http.Request, q Request) *httptest.ResponseRecorder {
	body := q.body
	if q.Form != nil {
		body = []byte(q.Form.Encode())
	}
	out := r.Clone(context.WithoutCancel(r.Context())) // what was begun is done, whoever waits for it
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.ContentLength = int64(len(body))
	out.Header.Set("Content-Length", strconv.Itoa(len(body)))
	out.Header.Del("Accept-Encoding") // so that Edit can read it
	w := httptest.NewRecorder()
	p.moto.ServeHTTP(w, out)
	return w
}
