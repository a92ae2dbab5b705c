package githubtest

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// A Repository is one on the server.
type Repository struct {
	Owner, Name string

	g       *GitHub
	id      int64
	owner   *Person
	fork    *Repository // what it was forked from
	main    string      // its default branch
	made    time.Time
	pushed  time.Time
	objects *objects
	refs    map[string]string // commit by name, as in refs/heads/main
	levels  map[string]Level  // by login, in lower case
	pulls   []*PullRequest
	numbers int // of the last pull request
	comment []*comment
	checks  []*checkRun
	deploys []*deployment
	states  []*status
}

// Files are texts by path.
type Files map[string]string

const refHeads = "refs/heads/"

// Repository makes a repository with an empty first commit on main, or finds one. Its
// owner may do all, and nobody else anything.
func (g *GitHub) Repository(owner, name string) *Repository {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := strings.ToLower(owner + "/" + name)
	if r := g.repos[key]; r != nil {
		return r
	}
	r := &Repository{Owner: owner, Name: name, g: g, id: g.id(), owner: g.person(owner), main: "main", made: g.now(), pushed: g.now(),
		objects: newObjects(), refs: map[string]string{}, levels: map[string]Level{}}
	first := r.objects.commit(commit{tree: r.objects.tree(nil), author: r.signed(r.owner), committer: r.signed(r.owner), message: "Initial commit",
		by: r.owner, with: r.owner})
	r.refs[refHeads+r.main] = first.sha
	g.repos[key] = r
	return r
}

// Fork copies a repository for somebody. Both share their objects, as on GitHub.
func (r *Repository) Fork(login string) *Repository {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	f := &Repository{Owner: login, Name: r.Name, g: r.g, id: r.g.id(), owner: r.g.person(login), fork: r, main: r.main, made: r.g.now(), pushed: r.pushed,
		objects: r.objects, refs: map[string]string{}, levels: map[string]Level{}}
	for ref, sha := range r.refs {
		if strings.HasPrefix(ref, refHeads) {
			f.refs[ref] = sha
		}
	}
	r.g.repos[strings.ToLower(login+"/"+r.Name)] = f
	return f
}

// Allow gives somebody a level in the repository.
func (r *Repository) Allow(login string, level Level) {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	r.levels[strings.ToLower(r.g.person(login).Login)] = level
}

func (r *Repository) level(login string) Level {
	if strings.EqualFold(login, r.Owner) {
		return Admin
	}
	return r.levels[strings.ToLower(login)]
}

func (r *Repository) fullName() string { return r.Owner + "/" + r.Name }

func (r *Repository) signed(p *Person) signature {
	name, email := p.Name, p.Email
	if name == "" {
		name = p.Login
	}
	if email == "" {
		email = p.private()
	}
	return signature{name, email, r.g.now()}
}

// Head is the commit that a branch is at; "": there is none.
func (r *Repository) Head(branch string) string {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	return r.refs[refHeads+branch]
}

// Files are all texts at a commit or on a branch.
func (r *Repository) Files(at string) Files {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	c := r.resolve(at)
	if c == nil {
		r.g.t.Errorf("githubtest: %s has no %s", r.fullName(), at)
		return nil
	}
	all := Files{}
	for path, e := range r.objects.flat(c.tree) {
		all[path] = string(r.objects.blobs[e.sha])
	}
	return all
}

// Branch makes a branch, or moves it, also backwards, as a forced push does.
func (r *Repository) Branch(by, name, sha string) {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	r.move(r.g.person(by), refHeads+name, sha)
}

// Commit pushes a change of files to a branch, which begins at the default branch if
// there is none.
func (r *Repository) Commit(by, branch, message string, files Files) string {
	return r.change(by, branch, message, func(all map[string]entry) {
		for path, text := range files {
			all[path] = entry{mode: modeFile, sha: r.objects.blob([]byte(text))}
		}
	})
}

// Remove pushes a commit without some files.
func (r *Repository) Remove(by, branch, message string, paths ...string) string {
	return r.change(by, branch, message, func(all map[string]entry) {
		maps.DeleteFunc(all, func(path string, _ entry) bool { return slices.Contains(paths, path) })
	})
}

// Symlink pushes a link of the file system, which may point anywhere.
func (r *Repository) Symlink(by, branch, path, target string) string {
	return r.change(by, branch, "Link "+path, func(all map[string]entry) {
		all[path] = entry{mode: modeLink, sha: r.objects.blob([]byte(target))}
	})
}

func (r *Repository) change(by, branch, message string, edit func(map[string]entry)) string {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	parent := r.refs[refHeads+branch]
	if parent == "" {
		parent = r.refs[refHeads+r.main]
	}
	files := r.objects.flat(r.objects.commits[parent].tree)
	edit(files)
	return r.push(r.g.person(by), branch, message, r.objects.build(files), parent)
}

// push commits a tree to a branch.
func (r *Repository) push(p *Person, branch, message, tree string, parents ...string) string {
	c := r.objects.commit(commit{tree: tree, parents: parents, author: r.signed(p), committer: r.signed(p), message: message, by: p, with: p})
	r.move(p, refHeads+branch, c.sha)
	return c.sha
}
