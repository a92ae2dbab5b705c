package github

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// calls counts what is asked of GitHub.
type calls struct{ total *prometheus.CounterVec }

func newCalls(reg prometheus.Registerer) (*calls, error) {
	c := &calls{total: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mainstay_github_calls_total",
		Help: "Calls to GitHub, by route and result: done, unchanged, throttled, refused, failed, lost."}, []string{"route", "result"})}
	if reg == nil {
		return c, nil
	}
	return c, reg.Register(c.total)
}

func (c *calls) count(req *http.Request, api *url.URL, result string) {
	c.total.WithLabelValues(route(req, api), result).Inc()
}

func result(status int, throttled bool) string {
	switch {
	case throttled:
		return "throttled"
	case status == http.StatusNotModified:
		return "unchanged"
	case status >= 500:
		return "failed"
	case status >= 400:
		return "refused"
	}
	return "done"
}

var (
	numberPattern = regexp.MustCompile(`^[0-9]+$`)
	shaPattern    = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
)

// variable are the segments after which anything may follow that names one thing.
var variable = map[string]string{"collaborators": "{login}", "users": "{login}", "compare": "{range}", "heads": "{branch}"}

// route is the method and the path with a name in place of all that names one thing:
// there are few of them.
func route(req *http.Request, api *url.URL) string {
	path := strings.Trim(strings.TrimPrefix(req.URL.Path, strings.TrimSuffix(api.Path, "/")), "/")
	parts := strings.Split(path, "/")
	for i := 0; i < len(parts); i++ {
		switch name, ok := variable[parts[max(i-1, 0)]]; {
		case parts[0] == "repos" && (i == 1 || i == 2):
			parts[i] = []string{"{owner}", "{repo}"}[i-1]
		case i > 0 && ok && name == "{branch}":
			parts = append(parts[:i], name) // it may have slashes
		case i > 0 && ok:
			parts[i] = name
		case shaPattern.MatchString(parts[i]):
			parts[i] = "{sha}"
		case numberPattern.MatchString(parts[i]):
			parts[i] = "{n}"
		}
	}
	return req.Method + " /" + strings.Join(parts, "/")
}

// weigh is what GitHub counts a call for.
func weigh(req *http.Request) weight {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return weight{points: 1}
	}
	w := weight{points: 5, write: !strings.HasSuffix(req.URL.Path, "/access_tokens")}
	w.post = req.Method == http.MethodPost && (strings.HasSuffix(req.URL.Path, "/comments") || strings.HasSuffix(req.URL.Path, "/pulls"))
	return w
}
