package github

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"path"
	"strings"
	"unicode/utf8"

	sdk "github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks"
)

const (
	modeFile = "100644"
	// inlineBytes of text go with the tree itself, which is one call for all files. More
	// would make one slow request that cannot be repeated in part.
	inlineBytes = 1 << 20
)

// Commit implements webhooks.GitHub. Objects that come to be on no branch, since an
// answer was lost or the branch moved, are git's rubbish and do no harm. A branch that
// is not there is made. Nothing to change is no commit: it returns parent.
func (c *Client) Commit(ctx context.Context, r webhooks.Repository, branch, parent, message string, author webhooks.Person, files []webhooks.File) (string, error) {
	doing := fmt.Sprintf("commit to the branch %s of %s", branch, r)
	ctx, err := begin(ctx, r, parent)
	if err != nil {
		return "", explain(ctx, err, doing)
	}
	if err := checkBranch(branch); err != nil {
		return "", explain(ctx, err, doing)
	}
	end, err := c.turns.take(ctx, "commit "+r.String()+" "+branch)
	if err != nil {
		return "", explain(ctx, err, doing)
	}
	defer end()
	var sha string
	err = settle(ctx, func() error {
		sha, err = c.commit(repeatable(ctx), r, branch, parent, message, author, files)
		return explain(ctx, err, doing)
	})
	return sha, err
}

func (c *Client) commit(ctx context.Context, r webhooks.Repository, branch, parent, message string, author webhooks.Person, files []webhooks.File) (string, error) {
	head, err := c.Head(ctx, r, branch)
	missing := KindOf(err) == NotFound
	if err != nil && !missing {
		return "", err
	}
	tree, err := c.newTree(ctx, r, parent, files)
	if err != nil {
		return "", err
	}
	if !missing && head != parent {
		return head, c.isOurs(ctx, r, head, parent, tree.GetSHA(), message)
	}
	base, err := c.gitCommit(ctx, r, parent)
	if err != nil {
		return "", err
	}
	sha := parent
	if tree.GetSHA() != base.GetTree().GetSHA() {
		made, _, err := c.api.Git.CreateCommit(ctx, r.Owner, r.Name, &sdk.Commit{
			Message: &message, Tree: tree, Parents: []*sdk.Commit{{SHA: &parent}}, Author: authorOf(author),
		}, nil)
		if err != nil {
			return "", err
		}
		sha = made.GetSHA()
	} else if !missing {
		return parent, nil
	}
	return sha, c.move(ctx, r, branch, sha, missing)
}

// isOurs is nil if a commit is what we would make: an earlier call did, and its answer
// was lost.
func (c *Client) isOurs(ctx context.Context, r webhooks.Repository, head, parent, tree, message string) error {
	there, err := c.gitCommit(ctx, r, head)
	if err != nil {
		return err
	}
	if len(there.Parents) == 1 && there.Parents[0].GetSHA() == parent && there.GetTree().GetSHA() == tree && same(there.GetMessage(), message) {
		return nil
	}
	return &Error{Kind: Refused, Err: fmt.Errorf("it is at %.12s and not at %.12s: %w", head, parent, webhooks.ErrMoved), Advice: "begin again from where it is"}
}

func (c *Client) gitCommit(ctx context.Context, r webhooks.Repository, sha string) (*sdk.Commit, error) {
	found, _, err := c.api.Git.GetCommit(keep(ctx, forever), r.Owner, r.Name, sha)
	return found, err
}

// move sets the branch to a commit, unless it went elsewhere.
func (c *Client) move(ctx context.Context, r webhooks.Repository, branch, sha string, create bool) error {
	ref := &sdk.Reference{Ref: sdk.String("refs/heads/" + branch), Object: &sdk.GitObject{SHA: &sha}}
	var err error
	if create {
		_, _, err = c.api.Git.CreateRef(ctx, r.Owner, r.Name, ref)
	} else {
		_, _, err = c.api.Git.UpdateRef(ctx, r.Owner, r.Name, ref, false)
	}
	if status := statusOf(err); status != http.StatusUnprocessableEntity && status != http.StatusConflict {
		return err
	}
	// It is refused for several reasons, and after a lost answer also when it was done.
	at, lookErr := c.Head(ctx, r, branch)
	switch {
	case lookErr != nil:
		return err
	case at == sha:
		return nil
	case strings.Contains(err.Error(), "fast forward") || strings.Contains(err.Error(), "already exists"):
		return &Error{Kind: Refused, Err: fmt.Errorf("%w to %.12s meanwhile", webhooks.ErrMoved, at), Advice: "begin again from where it is"}
	}
	return err
}

// newTree makes the tree of the parent with the files changed. The same files make the
// same tree, so it may be made again.
func (c *Client) newTree(ctx context.Context, r webhooks.Repository, parent string, files []webhooks.File) (*sdk.Tree, error) {
	base, err := c.gitCommit(ctx, r, parent)
	if err != nil {
		return nil, err
	}
	there, err := c.paths(ctx, r, base.GetTree().GetSHA(), files)
	if err != nil {
		return nil, err
	}
	var entries []*sdk.TreeEntry
	inline := 0
	for _, f := range files {
		if err := checkPath(f.Path); err != nil {
			return nil, err
		}
		e := &sdk.TreeEntry{Path: sdk.String(f.Path), Mode: sdk.String(modeFile), Type: sdk.String("blob")}
		switch {
		case f.Content == nil && !there[f.Path]:
			continue // GitHub refuses to delete what is not there
		case f.Content == nil:
		case utf8.Valid(f.Content) && inline+len(f.Content) <= inlineBytes:
			inline += len(f.Content)
			e.Content = sdk.String(string(f.Content))
		default:
			if e.SHA, err = c.newBlob(ctx, r, f.Content); err != nil {
				return nil, err
			}
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return base.GetTree(), nil
	}
	tree, _, err := c.api.Git.CreateTree(ctx, r.Owner, r.Name, base.GetTree().GetSHA(), entries)
	return tree, err
}

// paths are those that exist among the files to be deleted.
func (c *Client) paths(ctx context.Context, r webhooks.Repository, tree string, files []webhooks.File) (map[string]bool, error) {
	there := map[string]bool{}
	dirs := map[string]bool{}
	for _, f := range files {
		dir := path.Dir(f.Path)
		if f.Content != nil || dirs[dir] || checkPath(f.Path) != nil {
			continue
		}
		dirs[dir] = true
		_, at, err := c.descend(keep(ctx, forever), r, tree, strings.TrimPrefix(dir, "."))
		if err != nil {
			return nil, err
		}
		if at == "" {
			continue
		}
		level, _, err := c.api.Git.GetTree(keep(ctx, forever), r.Owner, r.Name, at, false)
		if err != nil {
			return nil, err
		}
		for _, e := range placed(level, strings.TrimPrefix(dir, ".")) {
			there[e.GetPath()] = e.GetType() == "blob"
		}
	}
	return there, nil
}

func (c *Client) newBlob(ctx context.Context, r webhooks.Repository, content []byte) (*string, error) {
	b, _, err := c.api.Git.CreateBlob(ctx, r.Owner, r.Name, &sdk.Blob{Content: sdk.String(base64.StdEncoding.EncodeToString(content)), Encoding: sdk.String("base64")})
	if err != nil {
		return nil, err
	}
	return b.SHA, nil
}

// authorOf is who a commit is by; GitHub puts itself or the App as who committed it.
func authorOf(p webhooks.Person) *sdk.CommitAuthor {
	if p.Name == "" || p.Email == "" {
		return nil
	}
	return &sdk.CommitAuthor{Name: &p.Name, Email: &p.Email}
}

func checkPath(p string) error {
	if p == "" || p == "." || path.Clean(p) != p || path.IsAbs(p) || p == ".." || strings.HasPrefix(p, "../") || strings.ContainsAny(p, "\\\x00") {
		return unfit("%q is no path of a file in a repository", p)
	}
	return nil
}

// checkBranch refuses what git takes for no branch and what a URL would be bent by.
func checkBranch(name string) error {
	if name == "" || strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") || strings.Contains(name, "..") || strings.Contains(name, "//") ||
		strings.HasPrefix(name, ".") || strings.Contains(name, "/.") || strings.ContainsAny(name, " ~^:?*[\\\x7f") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return &Error{Kind: Refused, Err: fmt.Errorf("%q is not the name of a branch", name)}
	}
	return nil
}
