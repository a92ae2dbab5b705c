package github

import (
	"context"
	"encoding/base64"
	"fmt"
	"path"
	"strings"

	sdk "github.com/google/go-github/v60/github"
	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/webhooks"
)

const (
	// maxFiles is more deployments than one directory will do for, and fewer than would
	// use up what GitHub allows in hours.
	maxFiles = 10_000
	// maxFile is some thousand times what a deployment takes.
	maxFile = 1 << 20
	// maxFileBytes is for all files together: they are held in memory.
	maxFileBytes = 64 << 20
	// readers read blobs at once. GitHub would rather have one; the limiter sees to the
	// pace.
	readers = 4
)

// Modes of git that are not plain files or directories.
const (
	modeSymlink   = "120000"
	modeSubmodule = "160000"
)

// Files implements webhooks.GitHub: the YAML files. A directory that is not there has
// none. Git's objects are named by their content, so none is asked for twice while it
// is kept.
func (c *Client) Files(ctx context.Context, r webhooks.Repository, sha, dir string) ([]webhooks.File, error) {
	doing := fmt.Sprintf("read the files of %s in %s at %.12s", r, dir, sha)
	ctx, err := begin(ctx, r, sha)
	if err != nil {
		return nil, explain(ctx, err, doing)
	}
	if dir, err = cleanDir(dir); err != nil {
		return nil, explain(ctx, err, doing)
	}
	from, entries, err := c.entries(keep(ctx, forever), r, sha, dir)
	if err != nil {
		return nil, explain(ctx, err, doing)
	}
	chosen, err := choose(entries, dir)
	if err != nil {
		return nil, explain(ctx, err, doing)
	}
	files, err := c.read(keep(ctx, forever), from, chosen)
	return files, explain(ctx, err, doing)
}

// cleanDir is a directory of a repository as a path in it; empty: the whole.
func cleanDir(dir string) (string, error) {
	clean := path.Clean("/" + dir)[1:]
	if strings.HasPrefix(dir, "/") || strings.Contains(dir, "\\") || strings.Contains("/"+dir+"/", "/../") {
		return "", unfit("%q is no directory inside the repository", dir)
	}
	return clean, nil
}

// entries lists all that is below a directory, with paths from the root of the
// repository.
func (c *Client) entries(ctx context.Context, r webhooks.Repository, sha, dir string) (from webhooks.Repository, below []*sdk.TreeEntry, err error) {
	from, tree, err := c.descend(ctx, r, sha, dir)
	if err != nil || tree == "" {
		return from, nil, err
	}
	from, whole, err := c.tree(ctx, from, tree, tree == sha, true)
	if err != nil {
		return from, nil, err
	}
	if whole.GetTruncated() || countFiles(whole) > maxFiles {
		return from, nil, unfit("there are more than %d files in %q; Mainstay takes at most so many", maxFiles, dir)
	}
	return from, placed(whole, dir), nil
}

func countFiles(t *sdk.Tree) int {
	n := 0
	for _, e := range t.Entries {
		if e.GetType() != "tree" {
			n++
		}
	}
	return n
}

// descend finds the tree of a directory; empty: there is none. Each level is read
// alone, so the size of the rest of the repository does not matter.
func (c *Client) descend(ctx context.Context, r webhooks.Repository, root, dir string) (from webhooks.Repository, tree string, err error) {
	from, tree = r, root
	done := ""
	for name := range strings.SplitSeq(dir, "/") {
		if name == "" {
			break
		}
		var level *sdk.Tree
		if from, level, err = c.tree(ctx, from, tree, tree == root, false); err != nil {
			return from, "", err
		}
		done = path.Join(done, name)
		if tree, err = subtree(level, name, done); err != nil || tree == "" {
			return from, "", err
		}
	}
	return from, tree, nil
}

// placed gives entries of a directory their paths from the root.
func placed(t *sdk.Tree, dir string) []*sdk.TreeEntry {
	for _, e := range t.Entries {
		// Not joined: that would hide a path that climbs.
		if dir != "" {
			e.Path = sdk.String(dir + "/" + e.GetPath())
		}
	}
	return t.Entries
}

// subtree is the hash of a directory in a level of the tree; empty: there is none.
func subtree(level *sdk.Tree, name, full string) (string, error) {
	for _, e := range level.Entries {
		switch {
		case e.GetPath() != name:
		case e.GetMode() == modeSymlink || e.GetMode() == modeSubmodule:
			return "", unfit("%s is a %s, which is not followed; make it a directory", full, kindOf(e))
		case e.GetType() != "tree":
			return "", unfit("%s is a file, and a directory is wanted", full)
		default:
			return e.GetSHA(), nil
		}
	}
	return "", nil
}

// tree reads a tree. A commit of a fork is there by the base's refs/pull; if not, the
// fork's own repository is asked.
func (c *Client) tree(ctx context.Context, r webhooks.Repository, sha string, commit, recursive bool) (webhooks.Repository, *sdk.Tree, error) {
	found, _, err := c.api.Git.GetTree(ctx, r.Owner, r.Name, sha, recursive)
	if statusOf(err) != 404 || !commit {
		return r, found, err
	}
	fork, ok := c.fork(ctx, r, sha)
	if !ok {
		return r, nil, err
	}
	found, _, err = c.api.Git.GetTree(ctx, fork.Owner, fork.Name, sha, recursive)
	return fork, found, err
}

// fork is the repository of the open pull request whose head is a commit.
func (c *Client) fork(ctx context.Context, base webhooks.Repository, commit string) (webhooks.Repository, bool) {
	open, err := c.list(keep(ctx, 0), base, sdk.PullRequestListOptions{State: "open", Sort: "updated", Direction: "desc"}, nil)
	if err != nil {
		return webhooks.Repository{}, false
	}
	for _, p := range open {
		head := webhooks.Repository{Owner: p.GetHead().GetRepo().GetOwner().GetLogin(), Name: p.GetHead().GetRepo().GetName()}
		if p.GetHead().GetSHA() == commit && checkRepository(head) == nil {
			return head, true
		}
	}
	return webhooks.Repository{}, false
}

// choose takes the YAML files, and refuses what would lead elsewhere.
func choose(entries []*sdk.TreeEntry, dir string) ([]*sdk.TreeEntry, error) {
	var chosen []*sdk.TreeEntry
	total := 0
	for _, e := range entries {
		p := e.GetPath()
		if path.Clean(p) != p || strings.HasPrefix(p, "/") || strings.HasPrefix(p, "../") || strings.ContainsAny(p, "\\\x00") || dir != "" && !strings.HasPrefix(p, dir+"/") {
			return nil, unfit("the path %q leads out of %s", p, dir)
		}
		if e.GetMode() == modeSymlink || e.GetMode() == modeSubmodule {
			return nil, unfit("%s is a %s, which is not followed; put the file itself there", p, kindOf(e))
		}
		if ext := path.Ext(p); e.GetType() != "blob" || ext != ".yaml" && ext != ".yml" {
			continue
		}
		if e.GetSize() > maxFile {
			return nil, unfit("%s has %d bytes; Mainstay takes at most %d", p, e.GetSize(), maxFile)
		}
		if total += e.GetSize(); total > maxFileBytes {
			return nil, unfit("the files in %q have together more than %d MiB; Mainstay takes no more", dir, maxFileBytes>>20)
		}
		chosen = append(chosen, e)
	}
	return chosen, nil
}

func kindOf(e *sdk.TreeEntry) string {
	if e.GetMode() == modeSubmodule {
		return "submodule"
	}
	return "symbolic link"
}

// read reads blobs, some at once.
func (c *Client) read(ctx context.Context, r webhooks.Repository, entries []*sdk.TreeEntry) ([]webhooks.File, error) {
	files := make([]webhooks.File, len(entries))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for i, e := range entries {
		g.Go(func() error {
			content, err := c.blob(ctx, r, e)
			files[i] = webhooks.File{Path: e.GetPath(), Content: content}
			return explain(ctx, err, "read "+e.GetPath())
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return files, nil
}

func (c *Client) blob(ctx context.Context, r webhooks.Repository, e *sdk.TreeEntry) ([]byte, error) {
	b, _, err := c.api.Git.GetBlob(ctx, r.Owner, r.Name, e.GetSHA())
	if err != nil {
		return nil, err
	}
	content := []byte(b.GetContent())
	if b.GetEncoding() == "base64" {
		if content, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(b.GetContent(), "\n", "")); err != nil {
			return nil, fmt.Errorf("what GitHub gave is not base64: %w", err)
		}
	}
	if len(content) > maxFile {
		return nil, unfit("%s has %d bytes; Mainstay takes at most %d", e.GetPath(), len(content), maxFile)
	}
	return content, nil
}
