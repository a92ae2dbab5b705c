package secretsmanager_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// A proxy stands before moto, counts requests and can be told to fail. It lets one
// creation through at a time: AWS takes a name once, and moto looks and creates in
// two steps.
type proxy struct {
	moto   *httputil.ReverseProxy
	create sync.Mutex

	mu       sync.Mutex
	requests map[string]int
	fault    func(action string, n int) *fault
}

// A fault is an answer in place of moto's.
type fault struct {
	status        int
	code, message string
	after         bool // moto does as it is asked all the same
}

// A world is moto behind a proxy.
type world struct {
	*proxy
	client *sdk.Client
}

// newWorld opens moto, which make conformance starts.
func newWorld(t *testing.T) *world {
	t.Helper()
	endpoint := os.Getenv("MAINSTAY_TEST_MOTO")
	if endpoint == "" {
		t.Skip("MAINSTAY_TEST_MOTO does not name an endpoint: run make conformance")
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{moto: httputil.NewSingleHostReverseProxy(u), requests: map[string]int{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return &world{proxy: p, client: sdk.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})}
}

// failing sets what fails from now on; n counts an action's requests from 1.
func (p *proxy) failing(f func(action string, n int) *fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.requests = f, map[string]int{}
}

func (p *proxy) count(action string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests[action]
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	p.mu.Lock()
	p.requests[action]++
	var f *fault
	if p.fault != nil {
		f = p.fault(action, p.requests[action])
	}
	p.mu.Unlock()
	if f != nil && !f.after {
		f.write(w)
		return
	}
	if action == "CreateSecret" {
		p.create.Lock()
		defer p.create.Unlock()
	}
	if f != nil {
		p.moto.ServeHTTP(httptest.NewRecorder(), r)
		f.write(w)
		return
	}
	p.moto.ServeHTTP(w, r)
}

func (f *fault) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(f.status)
	_, _ = fmt.Fprintf(w, `{"__type":%q,"message":%q}`, f.code, f.message)
}
