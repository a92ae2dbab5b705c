package route53_test

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

// A proxy stands before moto and adds what Route 53 documents and moto lacks: the
// order of listings and their octal codes, that a batch is made whole or refused
// with reasons, its limits, and that batches of a zone must not overlap. It counts
// requests, and can be told to fail.
type proxy struct {
	moto *httputil.ReverseProxy
	zone sync.Mutex // one batch at a time

	mu       sync.Mutex
	requests map[string]int
	batches  []int // changes of each batch that was made
	overlaps int
	pending  int // how often a change is told not to be in sync yet
	fault    func(action string, n int) *fault
	poison   func(batch string) *httptest.ResponseRecorder // refuses batches by what is in them
}

// A fault is an answer in place of moto's. Status 0 breaks the connection off.
type fault struct {
	status int
	code   string
	after  bool   // moto does as it is asked all the same
	before func() // happens first
}

func newProxy(t *testing.T, endpoint string) *proxy {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return &proxy{moto: httputil.NewSingleHostReverseProxy(u), requests: map[string]int{}}
}

// failing sets what fails from now on: f gets the action and its count since; nil: nothing.
func (p *proxy) failing(f func(action string, n int) *fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.requests = f, map[string]int{}
}

// count is how often an action was asked for since failing was called last.
func (p *proxy) count(action string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests[action]
}

// action is Route 53's name of a request.
func action(r *http.Request) string {
	switch {
	case strings.Contains(r.URL.Path, "/rrset") && r.Method == http.MethodGet:
		return "List"
	case strings.Contains(r.URL.Path, "/rrset"):
		return "Change"
	case strings.Contains(r.URL.Path, "/change/"):
		return "GetChange"
	}
	return "Zone"
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f := p.next(action(r))
	if f != nil && f.before != nil {
		f.before()
	}
	if f != nil && f.code != "" && !f.after {
		replay(w, refusal(f.status, f.code))
		return
	}
	answer := p.answer(r, body)
	switch {
	case f == nil || f.code == "" && !f.after:
		replay(w, answer)
	case f.status == 0:
		panic(http.ErrAbortHandler) // the way to break a connection off
	default:
		replay(w, refusal(f.status, f.code))
	}
}

func (p *proxy) next(action string) *fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[action]++
	if p.fault == nil {
		return nil
	}
	return p.fault(action, p.requests[action])
}

func (p *proxy) answer(r *http.Request, body []byte) *httptest.ResponseRecorder {
	switch action(r) {
	case "List":
		return p.list(r)
	case "Change":
		return p.change(r, body)
	case "GetChange":
		answer := p.send(r, body)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.pending > 0 {
			p.pending--
			answer.Body = bytes.NewBufferString(strings.ReplaceAll(answer.Body.String(), "INSYNC", "PENDING"))
		}
		return answer
	}
	return p.send(r, body)
}

func (p *proxy) send(r *http.Request, body []byte) *httptest.ResponseRecorder {
	out := r.Clone(r.Context())
	out.Body = io.NopCloser(bytes.NewReader(body))
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

// refusal is an answer as Route 53 refuses.
func refusal(status int, code string) *httptest.ResponseRecorder {
	return written(status, fmt.Sprintf(`<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type>`+
		`<Code>%s</Code><Message>said by the test's proxy</Message></Error><RequestId>0</RequestId></ErrorResponse>`, code))
}

// invalid is an answer as Route 53 refuses a batch.
func invalid(messages []string) *httptest.ResponseRecorder {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString("<Message>" + m + "</Message>")
	}
	return written(http.StatusBadRequest, `<InvalidChangeBatch xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Messages>`+b.String()+
		`</Messages><RequestId>0</RequestId></InvalidChangeBatch>`)
}

func written(status int, text string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.WriteString(text)
	return w
}
