package githubtest

import (
	"net/http"
	"strings"
)

// A Level is what somebody may do in a repository.
type Level string

// The levels, as GitHub's API calls them; it tells of maintain as write and of triage
// as read, and names them in the role.
const (
	None     Level = "none"
	Read     Level = "read"
	Triage   Level = "triage"
	Write    Level = "write"
	Maintain Level = "maintain"
	Admin    Level = "admin"
)

func (l Level) reads() bool  { return l != None && l != "" }
func (l Level) writes() bool { return l == Write || l == Maintain || l == Admin }

// permission is the level in the four words that GitHub had first.
func (l Level) permission() string {
	switch l {
	case Maintain:
		return string(Write)
	case Triage:
		return string(Read)
	case "":
		return string(None)
	}
	return string(l)
}

func (l Level) json() object {
	return object{"admin": l == Admin, "maintain": l == Maintain || l == Admin, "push": l.writes(), "triage": l.writes() || l == Triage, "pull": l.reads()}
}

// sees tells whether a repository is shown to the holder of a token at all.
func (c *credential) sees(r *Repository) bool {
	switch {
	case c.person != nil:
		return r.level(c.person.Login).reads()
	case c.app != nil && c.installed:
		return c.on[r] && c.app.installedOn[r]
	}
	return c.app != nil
}

// allowed says whether the holder of a token may do what a route does. Nil: yes.
func (c *credential) allowed(k *call) *answer {
	needs := k.route.needs
	refusal := refuse(http.StatusForbidden, "Resource not accessible by integration")
	switch {
	case needs == "app" && (c.app == nil || c.installed):
		refusal = refuse(http.StatusUnauthorized, undecodable)
	case needs == "app", needs == "" && !c.jwt():
		return nil
	case c.jwt():
		refusal = refuse(http.StatusForbidden, "You must authenticate with an access token in order to use this API.")
	case c.person != nil:
		if strings.HasPrefix(needs, "checks:write") {
			refusal = refuse(http.StatusForbidden, "You must authenticate via a GitHub App.")
			break
		}
		if needs == "user" || k.repo == nil || !strings.Contains(needs, ":write") || c.mayPerson(k) {
			return nil
		}
		refusal = refuse(http.StatusForbidden, "Resource not accessible by personal access token")
	case c.grants(needs):
		return nil
	}
	return &refusal
}

// mayPerson: whoever reads may comment and propose; all else is for those who write.
func (c *credential) mayPerson(k *call) bool {
	level := k.repo.level(c.person.Login)
	return level.writes() || level.reads() && strings.Contains(k.route.needs, "pull_requests:")
}

// grants tells whether an App has one of the permissions.
func (c *credential) grants(needs string) bool {
	for _, one := range strings.Split(needs, "|") {
		subject, level, _ := strings.Cut(one, ":")
		has := c.may[subject]
		if subject == "metadata" || has == "write" || has == level {
			return true
		}
	}
	return false
}

func getPermission(c *call) answer {
	p := c.g.people[strings.ToLower(c.params["username"])]
	if p == nil {
		return notFound()
	}
	level := c.repo.level(p.Login)
	role := level
	if role == "" {
		role = None
	}
	user := c.g.user(p)
	user["permissions"], user["role_name"] = level.json(), string(role)
	return ok(object{"permission": level.permission(), "role_name": string(role), "user": user})
}
