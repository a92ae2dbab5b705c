package githubtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// bodyMax is more than any request of the API may have (a blob of 40 MB, as base64).
const bodyMax = 60 << 20

// A Validator judges requests that reach the server and what it answers. A route is
// its method and the path of GitHub's description; errors fail the test.
type Validator interface {
	Request(r *http.Request, method, template string, params map[string]string, body []byte) error
	Answer(r *http.Request, method, template string, params map[string]string, status int, header http.Header, body []byte) error
}

// Validate has a validator judge all requests and answers from now on, but for those
// answers that a test has asked for with Failing.
func (g *GitHub) Validate(v Validator) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.validator = v
}

// ServeHTTP answers a request of the API.
func (g *GitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, archives) {
		g.serveArchive(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyMax))
	if err != nil {
		return // whoever asked went away
	}
	rt, params := g.route(r.Method, r.URL.EscapedPath())
	if rt == nil {
		g.t.Errorf("githubtest: no route for %s %s", r.Method, r.URL.Path)
		http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
		return
	}
	c := &call{g: g, r: r, route: rt, params: params, query: r.URL.Query(), body: body, header: w.Header()}
	fault, v := g.arrived(c)
	defer g.left()
	if v != nil {
		if err := v.Request(r, rt.method, rt.template, params, body); err != nil {
			g.t.Errorf("githubtest: the request %s %s is not as GitHub describes it: %v", r.Method, r.URL, err)
		}
	}
	if fault.Status == 0 && !fault.Hang {
		if g.wait(r, fault.Delay) {
			g.write(w, c, g.do(c), v)
		}
		return
	}
	if fault.After {
		g.do(c)
	}
	if !g.wait(r, fault.Delay) {
		return
	}
	if fault.Hang {
		g.hang(r)
		return
	}
	fault.write(w)
}

// arrived counts a request and says what goes wrong with it.
func (g *GitHub) arrived(c *call) (Fault, Validator) {
	g.mu.Lock()
	g.requests[c.route.String()]++
	g.asking++
	g.peak = max(g.peak, g.asking)
	ask, v := g.fault, g.validator
	g.mu.Unlock()
	if ask == nil {
		return Fault{}, v
	}
	if f := ask(Request{Route: c.route.String(), Path: c.r.URL.Path, Header: c.r.Header, Body: c.body}); f != nil {
		return *f, v
	}
	return Fault{}, v
}

func (g *GitHub) left() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asking--
}

// do is all that happens under the lock: nothing is seen by halves.
func (g *GitHub) do(c *call) answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	who, refusal := g.authenticate(c)
	if refusal != nil {
		return *refusal
	}
	c.who = who
	if refusal := g.limits.exceeded(c); refusal != nil {
		return *refusal
	}
	a := g.handle(c)
	if a.status == http.StatusOK && c.r.Method == http.MethodGet {
		tag := etag(a)
		c.header.Set("ETag", tag)
		if c.r.Header.Get("If-None-Match") == tag {
			a = answer{status: http.StatusNotModified}
			g.unchanged++
		}
	}
	g.limits.spend(c, a.status)
	return a
}

func (g *GitHub) handle(c *call) answer {
	if name, ok := c.params["repo"]; ok {
		c.repo = g.repos[strings.ToLower(c.params["owner"]+"/"+name)]
		if c.repo == nil || !c.who.sees(c.repo) {
			return notFound()
		}
	}
	if refusal := c.who.allowed(c); refusal != nil {
		return *refusal
	}
	return c.route.handle(c)
}

func etag(a answer) string {
	sum := sha256.Sum256(a.bytes())
	return `W/"` + hex.EncodeToString(sum[:]) + `"`
}

func (a answer) bytes() []byte {
	if a.kind != "" || a.body == nil {
		return a.raw
	}
	b, err := json.Marshal(a.body)
	if err != nil {
		panic(err) // an object of ours that is no JSON is a mistake in this package
	}
	return b
}

func (g *GitHub) write(w http.ResponseWriter, c *call, a answer, v Validator) {
	b := a.bytes()
	kind := a.kind
	if kind == "" {
		kind = "application/json; charset=utf-8"
	}
	if len(b) > 0 {
		w.Header().Set("Content-Type", kind)
	}
	if v != nil && a.kind == "" {
		if err := v.Answer(c.r, c.route.method, c.route.template, c.params, a.status, w.Header(), b); err != nil {
			g.t.Errorf("githubtest: the answer %d to %s %s is not as GitHub describes it: %v\n%s", a.status, c.r.Method, c.r.URL, err, b)
		}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(b)
}

// wait lets time pass; false: nobody waits for the answer any more.
func (g *GitHub) wait(r *http.Request, d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-g.done:
	}
	return false
}

func (g *GitHub) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-g.done:
	}
}
