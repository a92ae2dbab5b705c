package repo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"
)

var schemes = []string{"file", "http", "https", "aws", "gs", "oci", "az", "oss"}

// CheckHub says whether a URL can be a hub.
func CheckHub(hub string) error {
	scheme, _, ok := strings.Cut(hub, "://")
	switch {
	case scheme == "git" || strings.HasPrefix(scheme, "git+") || strings.HasSuffix(hub, ".git"):
		return fmt.Errorf("the hub %q is a git remote, where two pushes at a time destroy data; use a dolt sql-server, DoltHub, aws:// or file://", hub)
	case !ok || !slices.Contains(schemes, scheme):
		return fmt.Errorf("the hub %q must begin with one of %s://", hub, strings.Join(schemes, "://, "))
	case !slices.Contains([]string{"file", "http", "https"}, scheme):
		return nil // the addresses of object stores are not all URLs; the engine judges them
	}
	u, err := url.Parse(hub)
	switch {
	case err != nil:
		return fmt.Errorf("the hub %q is not a URL; write one such as http://host:port/fleet or file:///path: %w", hub, err)
	case u.User != nil:
		return errors.New("the hub's URL holds a user; give user and password apart from it, so that they do not end in logs")
	case scheme == "file" && (u.Host != "" || u.Path == ""):
		return fmt.Errorf("the hub %q must name an absolute path: file:///path", hub)
	case scheme != "file" && (u.Host == "" || strings.Trim(u.Path, "/") == ""):
		return fmt.Errorf("the hub %q must name a host and a database: http://host:port/fleet", hub)
	}
	return nil
}

// cloneTries bounds how often a clone of a hub of files begins anew because another
// process pushed after the hub was opened and before its files were listed, which are
// some milliseconds, more with each file: the engine lists files then that it has not
// opened. A hub that is pushed to every 20 ms costs every second try.
const cloneTries = 50

// clonePause comes between two of them, up to twice as long, so that they do not keep
// step with whoever pushes.
const clonePause = 10 * time.Millisecond

// clone fills an empty directory from the hub. An empty hub gives an empty
// repository that Init can fill.
func (r *Repo) clone(ctx context.Context) error {
	s, err := r.bareSession(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	for range cloneTries {
		err = r.withHub(func() error { return s.call("dolt_clone", r.opts.Hub, database) })
		if !containsAny(err, "no chunkSource") {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(clonePause + rand.N(clonePause)):
		}
	}
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "contains no Dolt data"):
		return r.createEmpty(s)
	}
	return fmt.Errorf("the hub %s cannot be cloned; check that it runs, and its URL and credentials: %w", r.opts.Hub, explain(ctx, err))
}

func (r *Repo) createEmpty(s *session) error {
	for _, statement := range []string{"CREATE DATABASE " + database, "USE " + database} {
		if err := s.exec(statement); err != nil {
			return fmt.Errorf("an empty repository cannot be made in %s: %w", r.opts.Dir, err)
		}
	}
	if err := s.call("dolt_remote", "add", remote, r.opts.Hub); err != nil {
		return fmt.Errorf("the hub %s cannot be noted in the clone: %w", r.opts.Hub, err)
	}
	return nil
}

// checkSameHub refuses a directory that is a clone of another hub, where commits
// of two fleets would mix.
func (r *Repo) checkSameHub(ctx context.Context) error {
	s, err := r.session(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	known, err := s.value("SELECT url FROM dolt_remotes WHERE name = ?", remote)
	if err != nil || known == "" {
		return errors.Join(fmt.Errorf("the directory %s holds no clone of a hub; delete it to clone anew", r.opts.Dir), err)
	}
	if strings.TrimSuffix(known, "/") != strings.TrimSuffix(r.opts.Hub, "/") {
		return fmt.Errorf("the directory %s is a clone of %s and not of %s; choose another directory, or delete it", r.opts.Dir, known, r.opts.Hub)
	}
	return nil
}

// withHub runs something that talks to the hub. After a failure of the hub's the
// connection is dropped, so that the next use dials a hub that came back.
func (r *Repo) withHub(talk func() error) error {
	r.link.talking.Store(true)
	err := talk()
	if failed := r.link.leave(); failed != nil { // what was said holds all the same
		r.opts.Logger.Debug("closing the hub's directory", "error", failed)
	}
	if err != nil && !containsAny(err, "failed to push some refs", "target has uncommitted changes") {
		return errors.Join(err, r.link.close())
	}
	return err
}
