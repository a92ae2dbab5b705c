package githubtest

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// A Request is one that reached the server, before anything was done.
type Request struct {
	Route  string // as in "POST /repos/{owner}/{repo}/check-runs"
	Path   string
	Header http.Header
	Body   []byte
}

// A Fault is what goes wrong with one request. The zero Fault is a request that
// nothing happens to.
type Fault struct {
	Status int // of the answer; 0: GitHub's own
	Header http.Header
	Body   string
	// After: it is done as it was asked, and the answer is lost for this one.
	After bool
	// Hang: nothing is answered until the caller gives up.
	Hang bool
	// Delay: the answer is late.
	Delay time.Duration
}

// Failing sets what goes wrong from now on: f is asked about each request, maybe of
// several at once. Nil, as function or answer: nothing.
func (g *GitHub) Failing(f func(Request) *Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = f
}

// On is for Failing: one route goes wrong, always in the same way.
func On(route string, f Fault) func(Request) *Fault {
	return func(r Request) *Fault {
		if r.Route != route {
			return nil
		}
		return &f
	}
}

// First is for Failing: only as many requests go wrong as said.
func First(n int, f func(Request) *Fault) func(Request) *Fault {
	var seen atomic.Int64
	return func(r Request) *Fault {
		fault := f(r)
		if fault == nil || seen.Add(1) > int64(n) {
			return nil
		}
		return fault
	}
}

// All is for Failing: every request goes wrong in the same way.
func All(f Fault) func(Request) *Fault { return func(Request) *Fault { return &f } }

// Unavailable is the answer of a GitHub that is down: no JSON, as the page comes from
// what stands before it.
func Unavailable() Fault {
	return Fault{Status: http.StatusBadGateway, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html><body>Unicorn!</body></html>"}
}

// secondaryDocs is where GitHub points at with this refusal; clients tell it by this.
const secondaryDocs = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"

// Secondary is GitHub's refusal of one who asks too much in a short time, with 403 or
// 429: to be tried again after a while.
func Secondary(status int, after time.Duration) Fault {
	return Fault{Status: status, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Retry-After": {seconds(after)}},
		Body: `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.","documentation_url":"` + secondaryDocs + `"}`}
}

// seconds rounds up: nobody is asked to come back too early.
func seconds(d time.Duration) string { return strconv.Itoa(int((d + time.Second - 1) / time.Second)) }

func (f Fault) write(w http.ResponseWriter) {
	for key, values := range f.Header {
		w.Header()[key] = values
	}
	w.WriteHeader(f.Status)
	_, _ = w.Write([]byte(f.Body))
}
