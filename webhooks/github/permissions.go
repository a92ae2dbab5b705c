package github

import (
	"net/http"
	"slices"
	"strings"
)

// permissions are those of an App or a fine-grained token, by what a route is about.
func permissions() map[string]string {
	return map[string]string{
		"check-runs": "checks", "status": "statuses", "statuses": "statuses", "deployments": "deployments",
		"pulls": "pull_requests", "issues": "pull_requests", "git": "contents", "compare": "contents", "collaborators": "metadata",
	}
}

// missing is the permission that a call was denied for. GitHub says it in a header:
// permissions to Apps and fine-grained tokens, scopes to classic tokens. Old Enterprise
// servers do not, so there it is told by the route.
func missing(r *http.Response, message string) string {
	if p := r.Header.Get("X-Accepted-GitHub-Permissions"); p != "" {
		p = strings.NewReplacer("=", ": ", "; ", " or ", ";", " or ", ",", " and ").Replace(p)
		return strings.Join(strings.Fields(p), " ")
	}
	if p := r.Header.Get("X-Accepted-OAuth-Scopes"); p != "" {
		return "(scope) " + p
	}
	if r.Request == nil || !strings.Contains(message, "not accessible by") {
		return ""
	}
	return permissionOf(r.Request)
}

func permissionOf(req *http.Request) string {
	level := "write"
	if req.Method == http.MethodGet {
		level = "read"
	}
	parts := strings.Split(req.URL.Path, "/")
	at := slices.Index(parts, "repos")
	if at < 0 || len(parts) < at+4 {
		return ""
	}
	parts = parts[at+3:] // after the names, which may be anything
	if parts[0] == "commits" && len(parts) == 3 {
		parts = parts[2:]
	}
	if name, ok := permissions()[parts[0]]; ok {
		return name + ": " + level
	}
	return ""
}
