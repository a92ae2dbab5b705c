package githubtest

import (
	"net/http"
	"strings"
	"time"
)

// A credential is what a token stands for: a person, an App, or its installation.
type credential struct {
	person    *Person // of a personal token
	app       *App
	installed bool // it acts in repositories that the App is installed in
	on        map[*Repository]bool
	may       map[string]string // permissions by subject
	expires   time.Time
	*usage
}

// jwt: it is the App itself, which may only ask about itself.
func (c *credential) jwt() bool { return c.app != nil && !c.installed }

// actor is who did what is done with it.
func (c *credential) actor() *Person {
	if c.person != nil {
		return c.person
	}
	return c.app.bot
}

func (c *credential) name() string {
	if c.person != nil {
		return "user ID " + c.person.Login
	}
	return "installation ID " + c.app.Slug
}

// Token makes a personal token of somebody. It sees the repositories that they may
// read, and cannot make check runs, as on GitHub.
func (g *GitHub) Token(login string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.person(login)
	token := "github_pat_" + randomHex(20)
	g.who[token] = &credential{person: p, usage: &p.usage}
	return token
}

// ExpireTokens ends all tokens of installations now, as an hour would.
func (g *GitHub) ExpireTokens() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for token, c := range g.who {
		if c.installed {
			delete(g.who, token)
		}
	}
}

// Revoke ends a token.
func (g *GitHub) Revoke(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.who, token)
}

// authenticate finds who asks.
func (g *GitHub) authenticate(c *call) (*credential, *answer) {
	header := c.r.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	if header == "" {
		return unauthorized("Requires authentication")
	}
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "token") {
		return unauthorized("Bad credentials")
	}
	if strings.Count(token, ".") == 2 {
		app, refusal := g.verify(token)
		if refusal != "" {
			return unauthorized(refusal)
		}
		return app.self, nil
	}
	who := g.who[token]
	if who == nil || !who.expires.IsZero() && !g.clock().Before(who.expires) {
		return unauthorized("Bad credentials")
	}
	return who, nil
}

func unauthorized(message string) (*credential, *answer) {
	a := refuse(http.StatusUnauthorized, message)
	return nil, &a
}
