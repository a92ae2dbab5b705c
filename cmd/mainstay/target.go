package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/daemon"
	"github.com/mainstaydb/mainstay/cmd/mainstay/home"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// A target is the fleet that a command is about.
type target struct {
	hub      string
	user     string
	password string
	seats    string    // directory of the commands' private clones
	run      *home.Run // the control plane's word about itself; nil: none is known
	home     home.Home
}

// target finds the fleet: the hub that was named, or the one that the control
// plane of --dir uses.
func (a *app) target() (target, error) {
	h, err := home.At(a.dir)
	if err != nil {
		return target{}, err
	}
	run, err := h.ReadRun()
	known := err == nil
	switch {
	case err != nil && !errors.Is(err, home.ErrNoRun):
		return target{}, err
	case a.hub == "" && !known:
		return target{}, fmt.Errorf("there is no fleet in %s; start one with mainstay up, or name its hub with --hub or its directory with --dir", a.dir)
	case a.hub != "" && (!known || run.Hub != a.hub):
		return a.namedHub(h)
	}
	t := target{hub: run.Hub, user: run.User, seats: h.Clients(), run: &run, home: h}
	switch {
	case run.SQLPort != 0:
		t.password, err = t.secret(context.Background(), hubSecret) // in files, which answer at once
	case run.PasswordFile != "":
		t.password, err = readPassword(run.PasswordFile)
	}
	return t, err
}

// store is the control plane's secret store, to look things up. Nothing is made
// there: a password that a command made would be no server's.
func (t target) store(ctx context.Context) (secrets.Store, error) {
	if t.run.Config == "" {
		return secrets.OpenDir(t.run.Secrets, secrets.ReadOnly())
	}
	c, err := daemon.Read(t.run.Config, repo.CheckHub)
	if err != nil {
		return nil, fmt.Errorf("the control plane's configuration, which says where the passwords are: %w", err)
	}
	return openSecretsOf(ctx, c, slog.New(slog.DiscardHandler), secrets.ReadOnly())
}

// publicDomain is where databases may show certificates of a public authority, as
// the control plane's configuration says. The branch status, which others may write
// to, is not believed in this: the password goes to whom the certificate is of.
func (t target) publicDomain() string {
	if t.run.Config == "" {
		return ""
	}
	c, err := daemon.Read(t.run.Config, repo.CheckHub)
	if err != nil || c.DNS == nil || c.ACME == nil {
		return ""
	}
	return c.DNS.Domain
}

// secret is the administrator's password of a deployment.
func (t target) secret(ctx context.Context, deployment string) (string, error) {
	store, err := t.store(ctx)
	if err != nil {
		return "", err
	}
	password, err := store.Get(ctx, "deployments/"+deployment+"/password")
	return string(password), err
}

// namedHub is a fleet known by its hub alone. Its clones go to the user's cache:
// there is no fleet's directory to keep them in.
func (a *app) namedHub(h home.Home) (target, error) {
	if err := repo.CheckHub(a.hub); err != nil {
		return target{}, usageError{err}
	}
	seats, err := seatsOf(a.hub)
	return target{hub: a.hub, user: a.user, password: a.getenv("MAINSTAY_HUB_PASSWORD"), home: h, seats: seats}, err
}

// configuredHub is the hub of a control plane's configuration, unless another one
// was named.
func (a *app) configuredHub(c daemon.Config) (target, error) {
	h, err := home.At(a.dir)
	if err != nil {
		return target{}, err
	}
	if a.hub != "" {
		return a.namedHub(h)
	}
	t := target{hub: c.Hub.URL, user: c.Hub.User, home: h}
	if c.Hub.PasswordFile != "" {
		if t.password, err = readPassword(c.Hub.PasswordFile); err != nil {
			return target{}, err
		}
	}
	t.seats, err = seatsOf(t.hub)
	return t, err
}

// seatsOf is where the commands' clones of a hub are kept that is known by its
// address alone.
func seatsOf(hub string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no place for a private clone of %s; set HOME or XDG_CACHE_HOME, or give --dir: %w", hub, err)
	}
	sum := sha256.Sum256([]byte(hub))
	return filepath.Join(cache, "mainstay", hex.EncodeToString(sum[:8])), nil
}

func readPassword(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read the hub's password; check who owns the file: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// A client is a command's own view of the fleet's repository.
type client struct {
	*repo.Repo
	target target
	author repo.Author
	seat   *home.Seat
	warn   io.Writer
	told   map[string]bool // warnings, each once
}

// open gives a command that only reads a private clone that is connected with
// the hub.
func (a *app) open(ctx context.Context) (*client, error) { return a.openAs(ctx, localAuthor()) }

// openToWrite does so for a command that commits.
func (a *app) openToWrite(ctx context.Context) (*client, error) {
	author, err := a.author(ctx)
	if err != nil {
		return nil, err
	}
	return a.openAs(ctx, author)
}

func (a *app) openAs(ctx context.Context, author repo.Author) (*client, error) {
	t, err := a.target()
	if err != nil {
		return nil, err
	}
	return a.openAt(ctx, t, author)
}

func (a *app) openAt(ctx context.Context, t target, author repo.Author) (*client, error) {
	if err := reach(ctx, t.hub, t.patience()); err != nil {
		return nil, t.explain(err)
	}
	c, err := t.open(ctx, author)
	if err != nil {
		return nil, err
	}
	c.warn = a.stderr
	if err := c.meet(ctx); err != nil {
		_ = c.Close() // the first error is the one to tell
		return nil, c.target.explain(err)
	}
	return c, nil
}

// meet learns what is new on the hub, and refuses one that this program does not
// understand.
func (c *client) meet(ctx context.Context) error {
	if _, err := c.Fetch(ctx); err != nil {
		return err
	}
	err := c.CheckSchema(ctx)
	if errors.Is(err, repo.ErrNotInitialised) {
		return fmt.Errorf("the hub %s holds no fleet yet; make one with: mainstay init --hub %[1]s", c.target.hub)
	}
	return err
}

// open opens a clone without a look at what the hub holds.
func (t target) open(ctx context.Context, author repo.Author) (*client, error) {
	seat, err := home.TakeSeat(t.seats)
	if err != nil {
		return nil, err
	}
	r, err := repo.Open(ctx, repo.Options{Dir: seat.Dir, Hub: t.hub, User: t.user, Password: t.password, Author: author})
	if err != nil {
		_ = seat.Close() // the first error is the one to tell
		return nil, t.explain(err)
	}
	return &client{Repo: r, target: t, author: author, seat: seat, warn: io.Discard, told: map[string]bool{}}, nil
}

func (c *client) Close() error { return errors.Join(c.Repo.Close(), c.seat.Close()) }

func (t target) patience() time.Duration {
	if t.run != nil && t.run.SQLPort != 0 && t.home.Held() {
		return reachAgain
	}
	return 0 // nobody is there to start it again
}

// explain names the likely reason that an embedded hub cannot be reached: nobody
// started it.
func (t target) explain(err error) error {
	if t.run == nil || t.run.SQLPort == 0 || t.home.Held() {
		return err
	}
	dir := ""
	if at := display(t.home.Root()); at != home.Default {
		dir = " --dir " + at
	}
	return notRunning{fmt.Sprintf("the fleet in %s is not running; start it with: mainstay up%s", display(t.home.Root()), dir), err}
}

// notRunning says in one sentence what a long error of the network means.
type notRunning struct {
	sentence string
	err      error
}

func (e notRunning) Error() string { return e.sentence }
func (e notRunning) Unwrap() error { return e.err }

// wakeBound is short: the control plane is on this machine, and it finds a new
// commit by itself soon after.
const wakeBound = time.Second

// wake tells the control plane, if one is known, that the hub has something new.
// It is a courtesy: a lost one costs a second.
func (c *client) wake(ctx context.Context) {
	if c.target.run == nil || c.target.run.HTTP == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wakeBound)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.target.run.HTTP+"/wake", nil)
	if err != nil {
		return
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
	}
}
