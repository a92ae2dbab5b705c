package githubtest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strings"
)

func (g *GitHub) api(path string) string { return g.URL + "/api/v3" + path }

// node is an id of GraphQL's, which means nothing here.
func node(kind string, id int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s%d", kind, id))
}

// user is somebody in few words, as within everything else.
func (g *GitHub) user(p *Person) object {
	u := g.api("/users/" + p.Login)
	kind := "User"
	if p.bot {
		kind = "Bot"
	}
	return object{"login": p.Login, "id": p.id, "node_id": node("U", p.id), "avatar_url": g.URL + "/avatars/" + p.Login, "gravatar_id": "",
		"url": u, "html_url": g.URL + "/" + p.Login, "followers_url": u + "/followers", "following_url": u + "/following{/other_user}",
		"gists_url": u + "/gists{/gist_id}", "starred_url": u + "/starred{/owner}{/repo}", "subscriptions_url": u + "/subscriptions",
		"organizations_url": u + "/orgs", "repos_url": u + "/repos", "events_url": u + "/events{/privacy}",
		"received_events_url": u + "/received_events", "type": kind, "site_admin": false}
}

// account is somebody with name and address, if they show them.
func (g *GitHub) account(p *Person) object {
	a := g.user(p)
	maps.Copy(a, object{"user_view_type": "public", "name": orNull(p.Name), "email": orNull(p.Email), "company": nil, "blog": "", "location": nil,
		"hireable": nil, "bio": nil, "public_repos": 0, "public_gists": 0, "followers": 0, "following": 0,
		"created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"})
	return a
}

func getUser(c *call) answer {
	if c.who.person == nil {
		return refuse(http.StatusForbidden, "Resource not accessible by integration")
	}
	return ok(c.g.account(c.who.person))
}

func getNamed(c *call) answer {
	p := c.g.people[strings.ToLower(c.params["username"])]
	if p == nil {
		return notFound()
	}
	return ok(c.g.account(p))
}

// private is the address that a commit made on the site has, of one who hides theirs.
func (p *Person) private() string {
	return fmt.Sprintf("%d+%s@users.noreply.github.com", p.id, p.Login)
}
