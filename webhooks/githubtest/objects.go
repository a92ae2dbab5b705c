package githubtest

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // git's own hash
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// objects are git's, of a repository and all its forks: on GitHub too, a commit of a
// fork is found in the repository that it was forked from.
type objects struct {
	blobs   map[string][]byte
	trees   map[string][]entry
	commits map[string]*commit
}

// An entry is a name in a tree.
type entry struct{ mode, name, sha string }

// The modes of git's entries.
const (
	modeFile = "100644"
	modeLink = "120000"
	modeTree = "040000"
)

func (e entry) kind() string {
	switch e.mode {
	case modeTree:
		return "tree"
	case "160000":
		return "commit"
	}
	return "blob"
}

// A signature is who made a commit, and when.
type signature struct {
	name, email string
	when        time.Time
}

type commit struct {
	sha, tree         string
	parents           []string
	author, committer signature
	message           string
	by, with          *Person // accounts of author and committer, if they have one
	made              int     // after its parents
}

func newObjects() *objects {
	return &objects{blobs: map[string][]byte{}, trees: map[string][]entry{}, commits: map[string]*commit{}}
}

func hash(kind string, b []byte) string {
	sum := sha1.Sum(fmt.Appendf(nil, "%s %d\x00%s", kind, len(b), b)) //nolint:gosec // git's own hash
	return hex.EncodeToString(sum[:])
}

func (o *objects) blob(b []byte) string {
	sha := hash("blob", b)
	o.blobs[sha] = bytes.Clone(b)
	return sha
}

// tree stores entries in git's order, in which a directory's name ends with a slash.
func (o *objects) tree(entries []entry) string {
	key := func(e entry) string {
		if e.mode == modeTree {
			return e.name + "/"
		}
		return e.name
	}
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(key(a), key(b)) })
	var b []byte
	for _, e := range entries {
		id, _ := hex.DecodeString(e.sha)
		b = fmt.Appendf(b, "%s %s\x00%s", strings.TrimPrefix(e.mode, "0"), e.name, id)
	}
	sha := hash("tree", b)
	o.trees[sha] = entries
	return sha
}

func (o *objects) commit(c commit) *commit {
	var b strings.Builder
	fmt.Fprintf(&b, "tree %s\n", c.tree)
	for _, p := range c.parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n%s", c.author, c.committer, c.message)
	c.sha = hash("commit", []byte(b.String()))
	if known := o.commits[c.sha]; known != nil {
		return known
	}
	c.made = len(o.commits)
	o.commits[c.sha] = &c
	return &c
}

func (s signature) String() string {
	return fmt.Sprintf("%s <%s> %d +0000", s.name, s.email, s.when.Unix())
}

// flat are the files of a tree by path. Its directories are not listed.
func (o *objects) flat(tree string) map[string]entry {
	all := map[string]entry{}
	o.walk(tree, "", func(path string, e entry) {
		if e.mode != modeTree {
			all[path] = e
		}
	})
	return all
}

// walk visits all that is in a tree, a directory before what it holds.
func (o *objects) walk(tree, under string, visit func(path string, e entry)) {
	for _, e := range o.trees[tree] {
		visit(under+e.name, e)
		if e.mode == modeTree {
			o.walk(e.sha, under+e.name+"/", visit)
		}
	}
}

// build makes the trees of files by path.
func (o *objects) build(files map[string]entry) string {
	var here []entry
	below := map[string]map[string]entry{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		dir, rest, nested := strings.Cut(path, "/")
		if !nested {
			here = append(here, entry{files[path].mode, path, files[path].sha})
			continue
		}
		if below[dir] == nil {
			below[dir] = map[string]entry{}
		}
		below[dir][rest] = files[path]
	}
	for dir, inside := range below {
		here = append(here, entry{modeTree, dir, o.build(inside)})
	}
	return o.tree(here)
}

// find is what a tree has at a path; "" is the tree itself.
func (o *objects) find(tree, path string) (entry, bool) {
	at := entry{mode: modeTree, sha: tree}
	for _, name := range strings.Split(strings.Trim(path, "/"), "/") {
		if name == "" {
			continue
		}
		i := slices.IndexFunc(o.trees[at.sha], func(e entry) bool { return e.name == name })
		if at.mode != modeTree || i < 0 {
			return entry{}, false
		}
		at = o.trees[at.sha][i]
	}
	return at, true
}
