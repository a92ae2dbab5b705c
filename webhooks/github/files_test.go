package github

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/webhooks"
)

// A node is an entry of a tree in a test.
type node struct{ path, mode, sha, kind string }

func blobAt(p string, n int) node { return node{p, "100644", sha(n), "blob"} }

// treeFake has one commit with a root of entries, and below the directory specs those
// of another tree. Blobs hold their number.
func treeFake(commit string, in webhooks.Repository, specs []node) *fake {
	f := newFake()
	render := func(nodes []node) obj {
		entries := []obj{}
		for _, n := range nodes {
			entries = append(entries, obj{"path": n.path, "mode": n.mode, "sha": n.sha, "type": n.kind, "size": sizeOf(n.sha)})
		}
		return obj{"sha": sha(0), "tree": entries, "truncated": false}
	}
	f.json("GET /repos/{owner}/{name}/git/trees/{sha}", func(r *http.Request) (int, any) {
		switch at := r.PathValue("sha"); {
		case r.PathValue("owner") != in.Owner || r.PathValue("name") != in.Name:
		case at == commit:
			return 200, render([]node{blobAt("README.md", 1), {"specs", "040000", sha(0xd), "tree"}, {"link", modeSymlink, sha(2), "blob"}, {"sub", modeSubmodule, sha(3), "commit"}, {"elsewhere", "040000", sha(0xe), "tree"}})
		case at == sha(0xd):
			return 200, render(specs)
		case at == sha(0xe):
			return 200, render([]node{{"deep", "040000", sha(0xd), "tree"}})
		}
		return 404, obj{"message": "Not Found"}
	})
	f.json("GET /repos/{owner}/{name}/git/blobs/{sha}", func(r *http.Request) (int, any) {
		text := base64.StdEncoding.EncodeToString([]byte("file " + r.PathValue("sha")[36:]))
		return 200, obj{"sha": r.PathValue("sha"), "encoding": "base64", "content": text[:4] + "\n" + text[4:] + "\n"}
	})
	return f
}

// sizeOf is a size in the hash, so that tests can say it: the digits after 5.
func sizeOf(hash string) int {
	if hash == sha(0xbad) {
		return maxFile + 1
	}
	return 10
}

func TestFiles(t *testing.T) {
	t.Parallel()
	many := make([]node, maxFiles+1)
	for i := range many {
		many[i] = blobAt(fmt.Sprintf("%d.yaml", i), 1)
	}
	for _, c := range []struct {
		name  string
		dir   string
		specs []node
		want  string
		wrong string
	}{
		{"YAML below the directory", "specs", []node{blobAt("a.yaml", 0x10), blobAt("b.yml", 0x11), blobAt("notes.md", 0x12), {"sub", "040000", sha(9), "tree"}, blobAt("sub/c.yaml", 0x13), blobAt("yaml", 0x14)},
			"specs/a.yaml=file 0010 specs/b.yml=file 0011 specs/sub/c.yaml=file 0013", ""},
		{"a deeper directory", "elsewhere/deep/", []node{blobAt("a.yaml", 0x10)}, "elsewhere/deep/a.yaml=file 0010", ""},
		{"no such directory", "other", nil, "", ""},
		{"no such directory below one", "elsewhere/other/x", nil, "", ""},
		{"empty", "specs", nil, "", ""},
		{"a link", "specs", []node{{"a.yaml", modeSymlink, sha(1), "blob"}}, "", "specs/a.yaml is a symbolic link"},
		{"a submodule", "specs", []node{{"more", modeSubmodule, sha(1), "commit"}}, "", "specs/more is a submodule"},
		{"the directory is a link", "link", nil, "", "link is a symbolic link"},
		{"the directory is a submodule", "sub", nil, "", "sub is a submodule"},
		{"the directory is a file", "README.md", nil, "", "README.md is a file"},
		{"a path that climbs", "specs", []node{blobAt("../../etc/a.yaml", 1)}, "", "leads out of specs"},
		{"a path that climbs inside", "specs", []node{blobAt("x/../a.yaml", 1)}, "", "leads out of specs"},
		{"an absolute path", "specs", []node{blobAt("/etc/a.yaml", 1)}, "", "leads out of specs"},
		{"too large", "specs", []node{blobAt("a.yaml", 0xbad)}, "", "specs/a.yaml has 1048577 bytes"},
		{"too large, but no YAML", "specs", []node{blobAt("a.png", 0xbad)}, "", ""},
		{"too many", "specs", many, "", "more than 10000 files"},
		{"a directory outside", "../specs", nil, "", "no directory inside"},
		{"an absolute directory", "/specs", nil, "", "no directory inside"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files, err := client(t, treeFake(sha(5), repo, c.specs)).Files(t.Context(), repo, sha(5), c.dir)
			if c.wrong != "" {
				if KindOf(err) != Unfit || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("%v", err)
				}
				return
			}
			var got []string
			for _, f := range files {
				got = append(got, f.Path+"="+string(f.Content))
			}
			if err != nil || strings.Join(got, " ") != c.want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestFilesAreAskedForOnce: what is named by its hash is not read twice.
func TestFilesAreAskedForOnce(t *testing.T) {
	t.Parallel()
	f := treeFake(sha(5), repo, []node{blobAt("a.yaml", 0x10), blobAt("b.yaml", 0x11)})
	gh := client(t, f)
	for range 3 {
		if files, err := gh.Files(t.Context(), repo, sha(5), "specs"); err != nil || len(files) != 2 {
			t.Fatalf("%v, %v", files, err)
		}
	}
	if len(f.calls) != 4 {
		t.Errorf("%d calls: %v", len(f.calls), f.calls)
	}
}

// TestFilesOfFork: a commit that the base does not have is read from the repository
// whose pull request it heads.
func TestFilesOfFork(t *testing.T) {
	t.Parallel()
	fork := webhooks.Repository{Owner: "someone", Name: "fleet-fork"}
	f := treeFake(sha(6), fork, []node{blobAt("a.yaml", 0x10)})
	f.list("GET /repos/acme/fleet/pulls", func(*http.Request) []obj {
		return []obj{{"number": 1, "head": obj{"sha": sha(4)}}, {"number": 2, "head": obj{"sha": sha(6), "repo": obj{"name": fork.Name, "owner": obj{"login": fork.Owner}}}}}
	})
	gh := client(t, f)
	files, err := gh.Files(t.Context(), repo, sha(6), "specs")
	if err != nil || len(files) != 1 || files[0].Path != "specs/a.yaml" {
		t.Errorf("%v, %v", files, err)
	}
	if _, err := gh.Files(t.Context(), repo, sha(7), "specs"); KindOf(err) != NotFound {
		t.Errorf("a commit of nobody: %v", err)
	}
	if slices.ContainsFunc(f.calls, func(c string) bool { return path.Base(c) == sha(6) && strings.Contains(c, "POST") }) {
		t.Errorf("calls: %v", f.calls)
	}
}
