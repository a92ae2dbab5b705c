package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"time"

	sdk "github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks"
)

// nameTime is how long a person's name is taken to be what it was. It only stands in
// histories.
const nameTime = time.Hour

var loginPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// MayWrite implements webhooks.GitHub. Custom roles count as the one they are made
// from. Bots and people who are not there may not.
func (c *Client) MayWrite(ctx context.Context, r webhooks.Repository, login string) (bool, error) {
	doing := fmt.Sprintf("ask what %q may do on %s", login, r)
	ctx, err := begin(ctx, r)
	if err != nil {
		return false, explain(ctx, err, doing)
	}
	if !loginPattern.MatchString(login) {
		return false, nil
	}
	level, _, err := c.api.Repositories.GetPermissionLevel(ctx, r.Owner, r.Name, login)
	if statusOf(err) == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, explain(ctx, err, doing)
	}
	switch level.GetPermission() {
	case "write", "maintain", "admin":
		return true, nil
	}
	return false, nil
}

// person is a user as lists show one.
func (c *Client) person(u *sdk.User) webhooks.Person {
	p := webhooks.Person{Login: u.GetLogin(), Name: u.GetName(), Email: u.GetEmail()}
	if p.Login == "" {
		return webhooks.Person{Login: "ghost", Name: "ghost", Email: "ghost@users.noreply." + c.host} // as GitHub shows accounts that were deleted
	}
	if p.Name == "" {
		p.Name = p.Login
	}
	if p.Email == "" {
		p.Email = fmt.Sprintf("%d+%s@users.noreply.%s", u.GetID(), p.Login, c.host)
	}
	return p
}

// named is a user with the name that stands on the profile. Without it the login does.
func (c *Client) named(ctx context.Context, u *sdk.User) webhooks.Person {
	if !loginPattern.MatchString(u.GetLogin()) {
		return c.person(u)
	}
	full, _, err := c.api.Users.Get(keep(ctx, nameTime), url.PathEscape(u.GetLogin()))
	if err != nil {
		c.log.Debug("the name of a person on GitHub is not known", "login", u.GetLogin(), "err", err)
		return c.person(u)
	}
	return c.person(full)
}

// me is who we are on GitHub, once known.
type me struct {
	mu    sync.Mutex
	login string
	app   int64
}

// self is the login that our comments have.
func (c *Client) self(ctx context.Context) (string, error) {
	c.me.mu.Lock()
	defer c.me.mu.Unlock()
	err := c.me.ask(ctx, c)
	return c.me.login, err
}

// ask asks GitHub once. It is called with the lock held.
func (m *me) ask(ctx context.Context, c *Client) error {
	switch {
	case m.login != "":
		return nil
	case c.app:
		a, _, err := c.api.Apps.Get(asApp(ctx), "")
		if err != nil {
			return explain(ctx, err, "ask GitHub which App we are")
		}
		m.login, m.app = a.GetSlug()+"[bot]", a.GetID()
	default:
		u, _, err := c.api.Users.Get(ctx, "")
		if err != nil {
			return explain(ctx, err, "ask GitHub whose token ours is")
		}
		m.login = u.GetLogin()
	}
	return nil
}
