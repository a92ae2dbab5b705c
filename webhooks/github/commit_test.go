package github

import (
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mainstaydb/mainstay/webhooks"
)

// A gitFake is a repository: trees are files by path, flat but for their listing.
type gitFake struct {
	*fake
	refs    map[string]string
	commits map[string]obj
	trees   map[string]map[string]string
	blobs   map[string]string
	race    func() // before a branch is moved
}

func hashOf(v any) string {
	raw, _ := json.Marshal(v)
	return fmt.Sprintf("%x", sha1.Sum(raw))
}

func newGitFake() *gitFake {
	g := &gitFake{fake: newFake(), refs: map[string]string{}, commits: map[string]obj{}, trees: map[string]map[string]string{}, blobs: map[string]string{}}
	const root = "/repos/acme/fleet/git"
	g.json("GET "+root+"/ref/heads/{branch...}", func(r *http.Request) (int, any) {
		if at, ok := g.refs[r.PathValue("branch")]; ok {
			return 200, obj{"ref": "refs/heads/" + r.PathValue("branch"), "object": obj{"sha": at}}
		}
		return 404, obj{"message": "Not Found"}
	})
	g.json("GET "+root+"/commits/{sha}", func(r *http.Request) (int, any) { return 200, g.commits[r.PathValue("sha")] })
	g.json("GET "+root+"/trees/{sha}", func(r *http.Request) (int, any) { return 200, g.listing(r.PathValue("sha")) })
	g.json("POST "+root+"/blobs", func(r *http.Request) (int, any) {
		content := decode(r)["content"].(string)
		g.blobs[hashOf(content)] = "base64:" + content
		return 201, obj{"sha": hashOf(content)}
	})
	g.json("POST "+root+"/trees", g.makeTree)
	g.json("POST "+root+"/commits", func(r *http.Request) (int, any) {
		c := decode(r)
		tree := c["tree"]
		var parents []obj
		for _, p := range c["parents"].([]any) {
			parents = append(parents, obj{"sha": p})
		}
		at := hashOf([]any{c, g.id()}) // the time makes each another
		g.commits[at] = obj{"sha": at, "tree": obj{"sha": tree}, "parents": parents, "message": c["message"], "author": c["author"]}
		return 201, g.commits[at]
	})
	g.json("POST "+root+"/refs", func(r *http.Request) (int, any) {
		c := decode(r)
		name := strings.TrimPrefix(c["ref"].(string), "refs/heads/")
		if _, ok := g.refs[name]; ok {
			return 422, obj{"message": "Reference already exists"}
		}
		g.refs[name] = c["sha"].(string)
		return 201, obj{"ref": c["ref"], "object": obj{"sha": c["sha"]}}
	})
	g.json("PATCH "+root+"/refs/heads/{branch...}", g.moveRef)
	return g
}

func (g *gitFake) moveRef(r *http.Request) (int, any) {
	if g.race != nil {
		g.race()
	}
	c := decode(r)
	to, branch := c["sha"].(string), r.PathValue("branch")
	for at := to; at != g.refs[branch]; {
		parents, _ := g.commits[at]["parents"].([]obj)
		if len(parents) == 0 || c["force"] != false {
			return 422, obj{"message": "Update is not a fast forward"}
		}
		at = parents[0]["sha"].(string)
	}
	g.refs[branch] = to
	return 200, obj{"ref": "refs/heads/" + branch, "object": obj{"sha": to}}
}

func (g *gitFake) makeTree(r *http.Request) (int, any) {
	c := decode(r)
	files := maps.Clone(g.trees[c["base_tree"].(string)])
	for _, e := range c["tree"].([]any) {
		e := e.(obj)
		p := e["path"].(string)
		hash, named := e["sha"].(string)
		switch content, inline := e["content"].(string); {
		case inline:
			files[p] = content
		case named:
			files[p] = g.blobs[hash]
		default:
			if _, ok := files[p]; !ok {
				return 422, obj{"message": "GitRPC::BadObjectState"}
			}
			delete(files, p)
		}
	}
	g.trees[hashOf(files)] = files
	return 201, obj{"sha": hashOf(files)}
}

// listing is one level: below a directory the hash is of what is below.
func (g *gitFake) listing(tree string) obj {
	entries, dirs := []obj{}, map[string]map[string]string{}
	for _, p := range slices.Sorted(maps.Keys(g.trees[tree])) {
		dir, rest, deeper := strings.Cut(p, "/")
		if !deeper {
			entries = append(entries, obj{"path": p, "mode": "100644", "type": "blob", "sha": hashOf(p)})
			continue
		}
		if dirs[dir] == nil {
			dirs[dir] = map[string]string{}
		}
		dirs[dir][rest] = g.trees[tree][p]
	}
	for dir, files := range dirs {
		g.trees[hashOf(files)] = files
		entries = append(entries, obj{"path": dir, "mode": "040000", "type": "tree", "sha": hashOf(files)})
	}
	return obj{"sha": tree, "tree": entries}
}

// grow adds a commit to a branch.
func (g *gitFake) grow(branch, message string, files map[string]string) string {
	g.trees[hashOf(files)] = files
	var parents []obj
	if at, ok := g.refs[branch]; ok {
		parents = []obj{{"sha": at}}
	}
	at := hashOf([]any{message, files, g.refs[branch]})
	g.commits[at] = obj{"sha": at, "tree": obj{"sha": hashOf(files)}, "parents": parents, "message": message}
	g.refs[branch] = at
	return at
}

// at is what a branch holds.
func (g *gitFake) at(branch string) map[string]string {
	return g.trees[g.commits[g.refs[branch]]["tree"].(obj)["sha"].(string)]
}

var someone = webhooks.Person{Login: "ada", Name: "Ada", Email: "ada@example.com"}

// TestCommit: one commit, whichever answer is lost.
func TestCommit(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"", "POST /repos/acme/fleet/git/trees", "POST /repos/acme/fleet/git/commits", "PATCH /repos/acme/fleet/git/refs/heads/main", "POST /repos/acme/fleet/git/blobs"} {
		t.Run("lost "+lost, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGitFake()
				parent := g.grow("main", "first", map[string]string{"README.md": "r", "specs/a.yaml": "a", "specs/b.yaml": "b"})
				g.lose[lost] = 1
				gh := client(t, g)
				files := []webhooks.File{{Path: "specs/a.yaml", Content: []byte("a2")}, {Path: "specs/b.yaml"}, {Path: "specs/never.yaml"}, {Path: "gone/x.yaml"}, {Path: "specs/new/empty.yaml", Content: []byte{}}, {Path: "specs/bytes.yaml", Content: []byte{0xff}}}
				at, err := gh.Commit(t.Context(), repo, "main", parent, "second", someone, files)
				if err != nil || at != g.refs["main"] {
					t.Fatalf("%s, %v", at, err)
				}
				want := map[string]string{"README.md": "r", "specs/a.yaml": "a2", "specs/new/empty.yaml": "", "specs/bytes.yaml": "base64:/w=="}
				if got := g.at("main"); !maps.Equal(got, want) {
					t.Errorf("main holds %q", got)
				}
				made := g.commits[at]
				if author := made["author"].(obj); made["parents"].([]obj)[0]["sha"] != parent || made["message"] != "second" || author["name"] != "Ada" || author["email"] != "ada@example.com" {
					t.Errorf("the commit is %v", made)
				}
				// The same again, as after a crash before its answer was noted.
				if again, err := gh.Commit(t.Context(), repo, "main", parent, "second", someone, files); err != nil || again != at {
					t.Errorf("again: %s, %v", again, err)
				}
			})
		})
	}
}

func TestCommitMoved(t *testing.T) {
	t.Parallel()
	files := []webhooks.File{{Path: "specs/a.yaml", Content: []byte("a2")}}
	g := newGitFake()
	parent := g.grow("main", "first", map[string]string{"specs/a.yaml": "a"})
	g.race = func() { g.race = nil; g.grow("main", "somebody was faster", map[string]string{"specs/a.yaml": "x"}) }
	gh := client(t, g)
	if _, err := gh.Commit(t.Context(), repo, "main", parent, "second", someone, files); !errors.Is(err, webhooks.ErrMoved) {
		t.Errorf("a branch that moved while we were at it: %v", err)
	}
	if _, err := gh.Commit(t.Context(), repo, "main", parent, "second", someone, files); !errors.Is(err, webhooks.ErrMoved) {
		t.Errorf("a branch that had moved: %v", err)
	}
	if got := g.at("main")["specs/a.yaml"]; got != "x" {
		t.Errorf("main holds %q", got)
	}
	for _, p := range []string{"../x", "/x", "", "a/../b", "a//b", "a\\b"} {
		if _, err := gh.Commit(t.Context(), repo, "main", g.refs["main"], "m", someone, []webhooks.File{{Path: p, Content: []byte("x")}}); KindOf(err) != Unfit {
			t.Errorf("the path %q: %v", p, err)
		}
	}
}

// TestCommitNothing: what changes nothing is no commit, and a branch that is not there
// is made.
func TestCommitNothing(t *testing.T) {
	t.Parallel()
	g := newGitFake()
	parent := g.grow("main", "first", map[string]string{"specs/a.yaml": "a"})
	gh := client(t, g)
	same := []webhooks.File{{Path: "specs/a.yaml", Content: []byte("a")}}
	if at, err := gh.Commit(t.Context(), repo, "main", parent, "m", someone, same); err != nil || at != parent || g.refs["main"] != parent {
		t.Errorf("%s, %v", at, err)
	}
	if n := g.count("POST /repos/acme/fleet/git/commits"); n != 0 {
		t.Errorf("%d commits were made", n)
	}
	other := []webhooks.File{{Path: "specs/a.yaml", Content: []byte("other")}}
	if at, err := gh.Commit(t.Context(), repo, "mainstay/render", parent, "m", someone, other); err != nil || g.refs["mainstay/render"] != at || g.at("mainstay/render")["specs/a.yaml"] != "other" {
		t.Errorf("%s, %v", at, err)
	}
}
