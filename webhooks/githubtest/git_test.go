package githubtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestObjects: ids are git's.
func TestObjects(t *testing.T) {
	t.Parallel()
	o := newObjects()
	if got := o.blob(nil); got != "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391" {
		t.Errorf("the empty blob is %s", got)
	}
	if got := o.tree(nil); got != "4b825dc642cb6eb9a060e54bf8d69288fbee4904" {
		t.Errorf("the empty tree is %s", got)
	}
}

// TestObjectsAreGits: git itself gives the same id to the same files, with names whose
// order is not that of their letters.
func TestObjectsAreGits(t *testing.T) {
	t.Parallel()
	git := newGit(t)
	o := newObjects()
	files := map[string]entry{}
	for _, path := range []string{"a.yaml", "a/b.yaml", "a/c/d", "a-b", "z"} {
		files[path] = entry{mode: modeFile, sha: o.blob([]byte(path))}
		git.write(path, path)
	}
	git.run("init", "--quiet")
	git.run("add", "--all")
	if got, want := o.build(files), git.run("write-tree"); got != want {
		t.Errorf("the tree is %s, git says %s", got, want)
	}
}

// TestMergeIsGits: git merges what mergeText merges, into the same, and no more.
func TestMergeIsGits(t *testing.T) {
	t.Parallel()
	git := newGit(t)
	r := rand.New(rand.NewPCG(1, 2))
	clean := 0
	const rounds = 150
	for i := range rounds {
		var base []string
		for n := range 12 {
			base = append(base, fmt.Sprintf("line %d\n", n))
		}
		ours, theirs := edited(r, base, "ours"), edited(r, base, "theirs")
		git.write("base", strings.Join(base, ""))
		git.write("ours", ours)
		git.write("theirs", theirs)
		got, ok := mergeText(strings.Join(base, ""), ours, theirs)
		want, fine := git.try("merge-file", "-p", "ours", "base", "theirs")
		if ok != fine || ok && got != want {
			t.Fatalf("round %d: of\n%s\nand\n%s\nit makes %v\n%s\nand git %v\n%s", i, ours, theirs, ok, got, fine, want)
		}
		if ok {
			clean++
		}
	}
	if clean < rounds/5 || clean > rounds*4/5 {
		t.Errorf("%d of %d merges are clean: one of both is hardly tried", clean, rounds)
	}
}

// edited changes, removes and adds a line here and there.
func edited(r *rand.Rand, base []string, by string) string {
	var out strings.Builder
	for _, line := range base {
		switch r.IntN(10) {
		case 0:
			out.WriteString(by + " instead of " + line)
		case 1:
			out.WriteString(line + by + " after " + line)
		case 2:
			if r.IntN(2) == 0 {
				continue
			}
			out.WriteString(line)
		default:
			out.WriteString(line)
		}
	}
	return out.String()
}

// git is the program, in a directory of its own.
type git struct {
	t   *testing.T
	dir string
}

func newGit(t *testing.T) git {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	return git{t, t.TempDir()}
}

func (g git) write(path, text string) {
	g.t.Helper()
	path = filepath.Join(g.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

func (g git) run(args ...string) string {
	g.t.Helper()
	out, ok := g.try(args...)
	if !ok {
		g.t.Fatalf("git %v: %s", args, out)
	}
	return strings.TrimSpace(out)
}

func (g git) try(args ...string) (string, bool) {
	cmd := exec.CommandContext(g.t.Context(), "git", args...)
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES="+filepath.Dir(g.dir))
	out, err := cmd.Output()
	return string(out), err == nil
}
