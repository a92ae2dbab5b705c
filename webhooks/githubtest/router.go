package githubtest

import (
	"net/url"
	"regexp"
	"strings"
)

// A route is an operation of the API, by the path that GitHub's description gives it.
type route struct {
	method, template string
	// needs is the permission of an App that it asks for, as in "checks:write";
	// alternatives are separated by |. "app" is the App itself, "" is anybody.
	needs  string
	handle func(*call) answer

	pattern *regexp.Regexp
	names   []string
}

func (r route) String() string { return r.method + " " + r.template }

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// compile makes the pattern. Names of refs, and paths, may hold slashes.
func (r route) compile() route {
	r.names = nil
	pattern := placeholder.ReplaceAllStringFunc(r.template, func(s string) string {
		name := strings.Trim(s, "{}")
		r.names = append(r.names, name)
		switch name {
		case "path":
			return `(.*)`
		case "ref", "branch", "basehead":
			return `(.+)`
		}
		return `([^/]+)`
	})
	r.pattern = regexp.MustCompile("^" + pattern + "$")
	return r
}

// match gives the values in a path that is still escaped.
func (r route) match(path string) (map[string]string, bool) {
	found := r.pattern.FindStringSubmatch(path)
	if found == nil {
		return nil, false
	}
	values := make(map[string]string, len(r.names))
	for i, name := range r.names {
		v, err := url.PathUnescape(found[i+1])
		if err != nil {
			return nil, false
		}
		values[name] = v
	}
	return values, true
}

// route finds the first that matches. The longer ones stand first where two may.
func (g *GitHub) route(method, path string) (*route, map[string]string) {
	path = strings.TrimPrefix(path, "/api/v3")
	for i := range g.routes {
		r := &g.routes[i]
		if r.method != method {
			continue
		}
		if values, ok := r.match(path); ok {
			return r, values
		}
	}
	return nil, nil
}
