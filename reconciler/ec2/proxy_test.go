package ec2_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A proxy stands before moto and adds what AWS documents and moto lacks: a client
// token launches once, a launch makes as many machines as it may, and what was
// terminated does not start. It counts requests, and can be told to fail.
type proxy struct {
	moto *httputil.ReverseProxy

	mu       sync.Mutex
	requests map[string]int
	launches map[string]*launched // by client token
	ended    map[string]bool      // terminated machines
	fault    func(action string, form url.Values) *fault
}

// launched is a token's first use.
type launched struct {
	once   sync.Once
	form   string
	answer *httptest.ResponseRecorder
}

// A fault is an answer in place of moto's.
type fault struct {
	status int
	code   string
	after  bool // moto does as it is asked all the same
	more   bool // moto's answer, as the first page of two
}

func newProxy(t *testing.T, endpoint string) *proxy {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return &proxy{moto: httputil.NewSingleHostReverseProxy(u), requests: map[string]int{}, launches: map[string]*launched{}, ended: map[string]bool{}}
}

// failing sets what fails from now on; nil: nothing.
func (p *proxy) failing(f func(action string, form url.Values) *fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// count is how often an action was asked for.
func (p *proxy) count(action string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests[action]
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	action := form.Get("Action")
	p.mu.Lock()
	p.requests[action]++
	var f *fault
	if p.fault != nil {
		f = p.fault(action, form)
	}
	p.mu.Unlock()
	if f != nil && !f.after && !f.more {
		replay(w, refusal(f.status, f.code))
		return
	}
	answer := p.forward(action, r, form)
	if f != nil && f.after {
		answer = refusal(f.status, f.code)
	} else if f != nil {
		end := "</" + action + "Response>"
		page := strings.Replace(answer.Body.String(), end, "<nextToken>second</nextToken>"+end, 1)
		answer.Body = bytes.NewBufferString(page)
	}
	replay(w, answer)
}

func (p *proxy) forward(action string, r *http.Request, form url.Values) *httptest.ResponseRecorder {
	if token := form.Get("ClientToken"); action == "RunInstances" && token != "" {
		return p.launch(token, r, form)
	}
	if machine := form.Get("InstanceId.1"); action == "StartInstances" && p.hasEnded(machine) {
		return refusal(http.StatusBadRequest, "IncorrectInstanceState")
	} else if action == "TerminateInstances" {
		defer p.end(machine)
	}
	return p.send(r, form)
}

func (p *proxy) hasEnded(machine string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended[machine]
}

func (p *proxy) end(machine string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended[machine] = true
}

// launch forwards a token's first launch, and answers the others as that one.
func (p *proxy) launch(token string, r *http.Request, form url.Values) *httptest.ResponseRecorder {
	p.mu.Lock()
	l := p.launches[token]
	if l == nil {
		l = &launched{form: form.Encode()}
		p.launches[token] = l
	}
	p.mu.Unlock()
	l.once.Do(func() {
		full := url.Values{}
		for k, v := range form {
			full[k] = v
		}
		full.Set("MinCount", form.Get("MaxCount"))
		l.answer = p.send(r, full)
	})
	if l.form != form.Encode() {
		return refusal(http.StatusBadRequest, "IdempotentParameterMismatch")
	}
	return l.answer
}

func (p *proxy) send(r *http.Request, form url.Values) *httptest.ResponseRecorder {
	body := form.Encode()
	out := r.Clone(r.Context())
	out.Body = io.NopCloser(strings.NewReader(body))
	out.ContentLength = int64(len(body))
	out.Header.Set("Content-Length", strconv.Itoa(len(body)))
	out.Header.Del("Accept-Encoding")
	w := httptest.NewRecorder()
	p.moto.ServeHTTP(w, out)
	return w
}

func replay(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for k, v := range answer.Header() {
		if k != "Content-Length" {
			w.Header()[k] = v
		}
	}
	w.WriteHeader(answer.Code)
	_, _ = io.Copy(w, bytes.NewReader(answer.Body.Bytes()))
}

// refusal is an answer as EC2 refuses.
func refusal(status int, code string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Response><Errors><Error><Code>%s</Code><Message>said by the test's proxy</Message></Error></Errors>"+
		"<RequestID>0</RequestID></Response>", code)
	return w
}
