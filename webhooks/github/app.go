package github

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	sdk "github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks"
)

// early is how long before its end a token is not used any more: longer than a call
// with all its repetitions takes. Tokens hold for an hour.
const early = 5 * time.Minute

// An app has the credentials of a GitHub App: its key for what is asked as the App,
// and a token for each account that installed it.
type app struct {
	id     string
	secret Secret
	client *sdk.Client

	turns turns // one asks for a token while others wait

	mu            sync.Mutex
	jwt           string
	jwtEnd        time.Time
	installations map[webhooks.Repository]int64
	tokens        map[int64]installationToken
}

type installationToken struct {
	header string
	end    time.Time
}

func newApp(id string, secret Secret) *app {
	return &app{id: id, secret: secret, installations: map[webhooks.Repository]int64{}, tokens: map[int64]installationToken{}}
}

func (a *app) authorize(ctx context.Context, k ask) (header, account string, err error) {
	if k.app {
		header, err := a.proof(ctx)
		return header, "app", err
	}
	if k.repo == (webhooks.Repository{}) {
		return "", "", errors.New("the call names no repository, so it has no installation")
	}
	unlock, err := a.turns.take(ctx, k.repo.Owner)
	if err != nil {
		return "", "", err
	}
	defer unlock()
	id, err := a.installation(ctx, k.repo)
	if err != nil {
		return "", "", err
	}
	header, err = a.token(ctx, id)
	if statusOf(err) == 404 { // it was installed anew since
		a.forget(k.repo)
		if id, err = a.installation(ctx, k.repo); err == nil {
			header, err = a.token(ctx, id)
		}
	}
	return header, fmt.Sprintf("installation %d", id), explain(ctx, err, "get a token for "+k.repo.String())
}

// refused forgets a header. A token ends early when the App's permissions change or it
// is installed anew.
func (a *app) refused(k ask, header string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k.app {
		a.jwt = "" // the key may be another by now
		return true
	}
	for id, t := range a.tokens {
		if t.header == header {
			delete(a.tokens, id)
		}
	}
	delete(a.installations, k.repo)
	return true
}

func (a *app) forget(r webhooks.Repository) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.installations, r)
}

// proof is the header that says that we are the App.
func (a *app) proof(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); a.jwt != "" && now.Before(a.jwtEnd) {
		return a.jwt, nil
	}
	raw, err := a.secret(ctx)
	if err != nil {
		return "", &Error{Kind: Denied, Err: err, Advice: "see whether the App's private key is where the configuration says"}
	}
	key, err := parseKey(raw)
	if err != nil {
		return "", &Error{Kind: Denied, Err: err}
	}
	now := time.Now()
	jwt, err := signJWT(a.id, key, now)
	if err != nil {
		return "", fmt.Errorf("sign as the App: %w", err)
	}
	a.jwt, a.jwtEnd = "Bearer "+jwt, now.Add(jwtTime-jwtEarly)
	return a.jwt, nil
}

// installation is the App's on a repository.
func (a *app) installation(ctx context.Context, r webhooks.Repository) (int64, error) {
	a.mu.Lock()
	id, ok := a.installations[r]
	a.mu.Unlock()
	if ok {
		return id, nil
	}
	found, _, err := a.client.Apps.FindRepositoryInstallation(asApp(ctx), r.Owner, r.Name)
	if err != nil {
		if statusOf(err) == 404 {
			return 0, &Error{Kind: NotFound, Doing: "find the App's installation on " + r.String(), Err: err, Advice: "install the App on the repository"}
		}
		return 0, err
	}
	if found.SuspendedAt != nil {
		return 0, &Error{Kind: Denied, Err: fmt.Errorf("the App's installation on %s is suspended", r), Advice: "take the suspension back in the App's settings there"}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.installations[r] = found.GetID()
	return found.GetID(), nil
}

// token is an installation's, made anew before it ends.
func (a *app) token(ctx context.Context, id int64) (string, error) {
	a.mu.Lock()
	t, ok := a.tokens[id]
	a.mu.Unlock()
	if ok && time.Now().Add(early).Before(t.end) {
		return t.header, nil
	}
	// A token too many ends by itself, so the call may be repeated.
	made, _, err := a.client.Apps.CreateInstallationToken(repeatable(asApp(ctx)), id, &sdk.InstallationTokenOptions{})
	if err != nil {
		return "", err
	}
	if made.GetToken() == "" {
		return "", fmt.Errorf("GitHub's answer holds no token for installation %d", id)
	}
	t = installationToken{header: "Bearer " + made.GetToken(), end: made.GetExpiresAt().Time}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens[id] = t
	return t.header, nil
}
