package webhooks

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// proposal reads what the pull request says: the files where it was cut from the base
// branch, and at its head.
func (v *visit) proposal(ctx context.Context) (Proposal, error) {
	p := Proposal{Number: v.pr.Number, Title: v.pr.Title, URL: v.pr.URL, Author: v.pr.Author, Head: v.pr.HeadSHA, Reverts: reverted(v.pr.Body, v.cfg.Repository)}
	base, err := v.mergeBase(ctx)
	if err != nil {
		return p, err
	}
	if p.Base, err = v.filesAt(ctx, base, v.cfg.Dir); err != nil {
		return p, err
	}
	p.Files, err = v.filesAt(ctx, v.pr.HeadSHA, v.cfg.Dir)
	return p, err
}

// revertLine is what GitHub writes into a pull request that its button "Revert" made.
var revertLine = regexp.MustCompile(`(?m)^Reverts ([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)?#([0-9]{1,9})\s*$`)

// reverted reads the number of the pull request that a text says it takes back.
func reverted(body string, r Repository) int {
	m := revertLine.FindStringSubmatch(body)
	if m == nil || m[1] != "" && !strings.EqualFold(m[1], r.String()) {
		return 0
	}
	number, _ := strconv.Atoi(m[2]) // digits, and not many
	return number
}

// mergeBase is asked for once for each head. Who merges the base branch into the head
// makes a new head; and a base that moved on keeps what both had in common.
func (v *visit) mergeBase(ctx context.Context) (string, error) {
	if v.note.MergeBase != "" {
		return v.note.MergeBase, nil
	}
	// What the pull request tells of its base may be as old as itself, and once it is
	// merged the branch holds the head.
	base := v.pr.BaseSHA
	if !v.pr.Merged {
		var err error
		if base, err = v.cfg.GitHub.Head(ctx, v.cfg.Repository, v.pr.Base); err != nil {
			return "", fmt.Errorf("cannot read where branch %s is: %w", v.pr.Base, err)
		}
	}
	found, err := v.cfg.GitHub.MergeBase(ctx, v.cfg.Repository, base, v.pr.HeadSHA)
	if err != nil {
		return "", fmt.Errorf("cannot find what pull request %d was cut from: %w", v.pr.Number, err)
	}
	v.note.MergeBase = found
	return found, nil
}

func (w *Worker) filesAt(ctx context.Context, sha, dir string) ([]File, error) {
	if files, ok := w.files.get(sha + ":" + dir); ok {
		return files, nil
	}
	files, err := w.cfg.GitHub.Files(ctx, w.cfg.Repository, sha, dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read the files below %s at %.12s: %w", dir, sha, err)
	}
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	w.files.put(sha+":"+dir, files)
	return files, nil
}

func sameFiles(a, b []File) bool { return len(changedPaths(a, b)) == 0 }

// changedPaths lists the paths whose content differs, in order.
func changedPaths(before, after []File) []string {
	old := map[string][]byte{}
	for _, f := range before {
		old[f.Path] = f.Content
	}
	var paths []string
	for _, f := range after {
		content, ok := old[f.Path]
		delete(old, f.Path)
		if !ok || !bytes.Equal(content, f.Content) {
			paths = append(paths, f.Path)
		}
	}
	for path := range old {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// A fileCache holds the files at commits, which never change, so that judging anew
// costs GitHub nothing. Equal contents are held once: commits of one repository differ
// in a file or two.
type fileCache struct {
	mu    sync.Mutex
	trees map[string][]File
	order []string // oldest first
	blobs map[string]*blob
	size  int
}

type blob struct {
	content []byte
	uses    int
}

const (
	// mostTrees is 500 pull requests, each with its head and what it was cut from.
	mostTrees = 1000
	// mostBytes bounds the memory that contents take; a desired state of 1,000
	// deployments is one of them.
	mostBytes = 64 << 20
)

func newFileCache() *fileCache {
	return &fileCache{trees: map[string][]File{}, blobs: map[string]*blob{}}
}

func (c *fileCache) get(key string) ([]File, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	files, ok := c.trees[key]
	return slices.Clone(files), ok
}

func (c *fileCache) put(key string, files []File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.trees[key]; ok {
		return
	}
	kept := make([]File, len(files))
	for i, f := range files {
		b := c.blobs[string(f.Content)]
		if b == nil {
			b = &blob{content: f.Content}
			c.blobs[string(f.Content)] = b
			c.size += 2 * len(f.Content) // it is its own key
		}
		b.uses++
		kept[i] = File{Path: f.Path, Content: b.content}
	}
	c.trees[key] = kept
	c.order = append(c.order, key)
	for len(c.order) > mostTrees || c.size > mostBytes && len(c.order) > 0 {
		c.drop()
	}
}

// drop forgets the oldest.
func (c *fileCache) drop() {
	key := c.order[0]
	c.order = c.order[1:]
	for _, f := range c.trees[key] {
		if b := c.blobs[string(f.Content)]; b != nil {
			if b.uses--; b.uses == 0 {
				delete(c.blobs, string(f.Content))
				c.size -= 2 * len(f.Content)
			}
		}
	}
	delete(c.trees, key)
}
