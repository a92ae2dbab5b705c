package githubtest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// installationLife is how long an installation's token is good for, as GitHub's.
const installationLife = time.Hour

// An App is a GitHub App.
type App struct {
	ID           int64
	Installation int64
	Slug         string
	// Permissions are by subject, as in "checks": "write".
	Permissions map[string]string

	key         *rsa.PublicKey
	bot         *Person
	owner       *Person
	self        *credential // of its JWT
	usage       usage       // of its installation
	installedOn map[*Repository]bool
	since       time.Time
}

// AppPermissions are those that a review by an App needs.
func AppPermissions() map[string]string {
	return map[string]string{"metadata": "read", "contents": "write", "pull_requests": "write", "issues": "write", "checks": "write",
		"deployments": "write", "statuses": "write"}
}

// App registers an App with its public key, and installs it in repositories. It acts
// as slug[bot].
func (g *GitHub) App(slug string, key *rsa.PublicKey, permissions map[string]string, on ...*Repository) *App {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := &App{ID: g.id(), Installation: g.id(), Slug: slug, Permissions: permissions, key: key, bot: g.person(slug + "[bot]"),
		owner: g.person("app-owner"), installedOn: map[*Repository]bool{}, since: g.now()}
	a.self = &credential{app: a, usage: new(usage)}
	for _, r := range on {
		a.installedOn[r] = true
		a.owner = r.owner
	}
	g.apps = append(g.apps, a)
	return a
}

func (g *GitHub) appOf(issuer string) *App {
	for _, a := range g.apps {
		if issuer == strconv.FormatInt(a.ID, 10) || issuer == a.ClientID() {
			return a
		}
	}
	return nil
}

// ClientID may be the issuer of its tokens too.
func (a *App) ClientID() string { return "Iv1." + strconv.FormatInt(a.ID, 16) }

func (a *App) json(g *GitHub) object {
	return object{"id": a.ID, "slug": a.Slug, "node_id": node("A", a.ID), "owner": g.user(a.owner), "name": a.Slug,
		"description": "", "external_url": g.URL, "html_url": g.URL + "/apps/" + a.Slug, "created_at": stamp(a.since), "updated_at": stamp(a.since),
		"permissions": a.Permissions, "events": []string{"pull_request", "issue_comment", "push"}}
}

func (a *App) installation(g *GitHub) object {
	id := strconv.FormatInt(a.Installation, 10)
	return object{"id": a.Installation, "account": g.user(a.owner), "repository_selection": "selected", "access_tokens_url": g.api("/app/installations/" + id + "/access_tokens"),
		"repositories_url": g.api("/installation/repositories"), "html_url": g.URL + "/settings/installations/" + id, "app_id": a.ID,
		"target_id": a.owner.id, "target_type": "Organization", "permissions": a.Permissions, "events": []string{"pull_request", "issue_comment", "push"},
		"created_at": stamp(a.since), "updated_at": stamp(a.since), "single_file_name": nil, "app_slug": a.Slug, "suspended_by": nil, "suspended_at": nil}
}

func getApp(c *call) answer { return ok(c.who.app.json(c.g)) }

func listInstallations(c *call) answer {
	return ok(page(c, []object{c.who.app.installation(c.g)}))
}

func getInstallation(c *call) answer {
	if !c.who.app.installedOn[c.repo] {
		return notFound()
	}
	return ok(c.who.app.installation(c.g))
}

func createToken(c *call) answer {
	a := c.who.app
	if c.number("installation_id") != a.Installation {
		return notFound()
	}
	var in struct {
		Repositories []string
		IDs          []int64 `json:"repository_ids"`
		Permissions  map[string]string
	}
	if !c.decode(&in) {
		return unreadable()
	}
	who := &credential{app: a, installed: true, expires: c.g.now().Add(installationLife), usage: &a.usage, on: map[*Repository]bool{}, may: a.Permissions}
	for r := range a.installedOn {
		named := slices.ContainsFunc(in.Repositories, func(name string) bool { return strings.EqualFold(name, r.Name) })
		if named || slices.Contains(in.IDs, r.id) || len(in.Repositories)+len(in.IDs) == 0 {
			who.on[r] = true
		}
	}
	if len(who.on) < len(in.Repositories)+len(in.IDs) {
		return refuse(http.StatusUnprocessableEntity, "There is at least one repository that does not exist or is not accessible to the parent installation.")
	}
	if in.Permissions != nil {
		who.may = in.Permissions
	}
	for subject, level := range who.may {
		if has := a.Permissions[subject]; has != "write" && has != level {
			return refuse(http.StatusUnprocessableEntity, "The permissions requested are not granted to this installation.")
		}
	}
	token := "ghs_" + randomHex(18)
	c.g.who[token] = who
	return made(object{"token": token, "expires_at": stamp(who.expires), "permissions": who.may, "repository_selection": "selected"})
}

func listInstalled(c *call) answer {
	if !c.who.installed {
		return refuse(http.StatusForbidden, "You must authenticate with an installation access token in order to list repositories for an installation.")
	}
	all := slices.Collect(maps.Keys(c.who.on))
	slices.SortFunc(all, func(a, b *Repository) int { return int(a.id - b.id) })
	return ok(object{"total_count": len(all), "repository_selection": "selected", "repositories": page(c, list(all, func(r *Repository) object { return r.json() }))})
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
