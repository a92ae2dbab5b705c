// Package mototest makes moto, a stand-in for AWS's API, answer tests the way AWS
// documents, and fail the way AWS does.
//
// A Proxy stands between the SDK and moto. It adds what moto lacks of EC2: a client
// token launches once, a launch makes as many machines as it may, and what was
// terminated does not start. No machine is unwell. It counts requests by service and action, and can be
// told to refuse, to lose an answer, or to list what was there some time ago. It can
// list machines at addresses that this computer has, for package machines to run them.
// On Route 53, what was deleted can be made again. Requests of other services pass
// unchanged. It checks no signature, and it is for
// tests alone.
package mototest

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A Proxy is an http.Handler before moto, and a server of it. Safe for concurrent use.
type Proxy struct {
	URL string // where it listens: what the SDK's BaseEndpoint is set to

	moto     *httputil.ReverseProxy
	launches launches
	listings listings
	changed  chan struct{}
	zones    sync.Mutex // one batch of records at a time

	mu       sync.Mutex
	requests map[[2]string]int // by service and action
	fault    func(Request) *Fault
	loopback bool
}

// A Fault is what goes wrong with one request. The zero Fault is a request that
// nothing happens to.
type Fault struct {
	Status int    // of a refusal; 0: none, unless Code is set
	Code   string // AWS's, of a refusal
	// After: moto does as it is asked, and the answer is lost for the refusal.
	After bool
	// Hang: nothing is answered until the caller gives up. With After, moto has done
	// as it was asked by then.
	Hang bool
	// Edit changes moto's answer, which is XML or JSON.
	Edit func(answer string) string
	// Only is how many machines a launch makes at most; 0: as many as it may.
	Only int
}

// New starts a proxy before the moto at the endpoint. It ends with the test.
func New(t testing.TB, endpoint string) *Proxy {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{moto: httputil.NewSingleHostReverseProxy(u), launches: newLaunches(), listings: newListings(), requests: map[[2]string]int{},
		changed: make(chan struct{}, 1)}
	p.moto.ErrorLog = log.New(io.Discard, "", 0) // callers that went away while moto answered are part of tests
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Failing sets what goes wrong from now on: f is asked about each request, one at a
// time, and may change its form. Nil, as function or answer: nothing.
func (p *Proxy) Failing(f func(Request) *Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// On is for Failing: one action goes wrong, always in the same way.
func On(action string, f Fault) func(Request) *Fault {
	return func(r Request) *Fault {
		if r.Action != action {
			return nil
		}
		return &f
	}
}

// Count is how often an action was asked for, of whatever service.
func (p *Proxy) Count(action string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for key, times := range p.requests {
		if key[1] == action {
			n += times
		}
	}
	return n
}

// Requests are the numbers of requests by service and action, as in "ec2 RunInstances".
func (p *Proxy) Requests() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[string]int, len(p.requests))
	for key, n := range p.requests {
		all[key[0]+" "+key[1]] = n
	}
	return all
}

// Counts tells of all requests in a line, the most frequent first.
func (p *Proxy) Counts() string {
	requests := p.Requests()
	total := 0
	var all []string
	for _, key := range slices.SortedFunc(maps.Keys(requests), func(a, b string) int {
		if d := requests[b] - requests[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	}) {
		total += requests[key]
		all = append(all, fmt.Sprintf("%s %d", key, requests[key]))
	}
	return fmt.Sprintf("%d in all: %s", total, strings.Join(all, ", "))
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := parse(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f := p.take(q)
	refused := f.Status != 0 || f.Code != ""
	var answer *httptest.ResponseRecorder
	if !refused && !f.Hang || f.After {
		answer = p.forward(r, q, f.Only)
		p.tell(q)
	}
	switch {
	case f.Hang:
		<-r.Context().Done()
		return
	case refused:
		answer = q.refusal(f.Status, f.Code)
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

// take counts a request and says what goes wrong with it.
func (p *Proxy) take(q Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[[2]string{q.Service, q.Action}]++
	if p.fault != nil {
		if f := p.fault(q); f != nil {
			return *f
		}
	}
	return Fault{}
}

func (p *Proxy) forward(r *http.Request, q Request, only int) *httptest.ResponseRecorder {
	send := func(q Request) *httptest.ResponseRecorder { return p.send(r, q) }
	switch {
	case q.Service == "route53" && q.Action == "ChangeResourceRecordSets":
		return p.changeRecords(r, q)
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
	body := q.body
	if q.Form != nil {
		body = []byte(q.Form.Encode())
	}
	out := r.Clone(r.Context())
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.ContentLength = int64(len(body))
	out.Header.Set("Content-Length", strconv.Itoa(len(body)))
	out.Header.Del("Accept-Encoding") // so that Edit can read it
	w := httptest.NewRecorder()
	p.moto.ServeHTTP(w, out)
	return w
}
