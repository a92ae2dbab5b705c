package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
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

// named is a user with the name and address that stand on the profile. It does not make
// do without: somebody who has two addresses would be two people.
func (c *Client) named(ctx context.Context, u *sdk.User) (webhooks.Person, error) {
	if !loginPattern.MatchString(u.GetLogin()) {
		return c.person(u), nil
	}
	full, _, err := c.api.Users.Get(keep(ctx, nameTime), url.PathEscape(u.GetLogin()))
	if statusOf(err) == http.StatusNotFound {
		return c.person(u), nil
	}
	if err != nil {
		return webhooks.Person{}, explain(ctx, err, "ask who "+u.GetLogin()+" is")
	}
	return c.person(full), nil
}

// Person implements webhooks.GitHub.
func (c *Client) Person(ctx context.Context, r webhooks.Repository, login string) (webhooks.Person, error) {
	ctx, err := begin(ctx, r)
	if err != nil {
		return webhooks.Person{}, err
	}
	return c.named(ctx, &sdk.User{Login: &login})
}

// Writers implements webhooks.GitHub: authors and committers, each once.
func (c *Client) Writers(ctx context.Context, r webhooks.Repository, number int) ([]string, error) {
	ctx, err := begin(ctx, r)
	if err != nil {
		return nil, err
	}
	commits, err := pages(func(p sdk.ListOptions) ([]*sdk.RepositoryCommit, *sdk.Response, error) {
		return c.api.PullRequests.ListCommits(ctx, r.Owner, r.Name, number, &p)
	}, nil)
	if err != nil {
		return nil, explain(ctx, err, fmt.Sprintf("list the commits of %s#%d", r, number))
	}
	var logins []string
	for _, commit := range commits {
		for _, u := range []*sdk.User{commit.Author, commit.Committer} {
			if login := u.GetLogin(); login != "" && !slices.Contains(logins, login) {
				logins = append(logins, login)
			}
		}
	}
	return logins, nil
}

// me is who we are on GitHub. It does not change.
type me struct {
	login string // that our comments have
	app   int64  // number of the App; 0: we have a personal token
}

// self asks GitHub once who we are.
func (c *Client) self(ctx context.Context) (me, error) {
	end, err := c.turns.take(ctx, "self")
	if err != nil {
		return me{}, err
	}
	defer end()
	if c.known == (me{}) {
		c.known, err = c.whoAmI(ctx)
	}
	return c.known, err
}

func (c *Client) whoAmI(ctx context.Context) (me, error) {
	if c.app {
		a, _, err := c.api.Apps.Get(asApp(ctx), "")
		if err != nil {
			return me{}, explain(ctx, err, "ask GitHub which App we are")
		}
		return me{login: a.GetSlug() + "[bot]", app: a.GetID()}, nil
	}
	u, _, err := c.api.Users.Get(ctx, "")
	if err != nil {
		return me{}, explain(ctx, err, "ask GitHub whose token ours is")
	}
	return me{login: u.GetLogin()}, nil
}
