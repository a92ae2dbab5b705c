package githubtest

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

func createBlob(c *call) answer {
	var in struct{ Content, Encoding string }
	if !c.decode(&in) {
		return unreadable()
	}
	b := []byte(in.Content)
	if in.Encoding == "base64" {
		var err error
		if b, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(in.Content, "\n", "")); err != nil {
			return refuse(http.StatusUnprocessableEntity, "content is not valid Base64")
		}
	}
	sha := c.repo.objects.blob(b)
	return made(object{"url": c.repo.api("/git/blobs/" + sha), "sha": sha})
}

func getBlob(c *call) answer {
	sha := c.params["file_sha"]
	b, there := c.repo.objects.blobs[sha]
	if !there {
		return notFound()
	}
	if accepts(c, "raw") {
		return answer{status: http.StatusOK, raw: b, kind: "application/vnd.github.raw"}
	}
	return ok(object{"content": wrapped(b), "encoding": "base64", "url": c.repo.api("/git/blobs/" + sha), "sha": sha, "size": len(b), "node_id": node("B", 0)})
}

// createTree changes a tree by paths, or makes one anew. A null sha removes.
func createTree(c *call) answer {
	var in struct {
		Base string `json:"base_tree"`
		Tree []struct {
			Path, Mode, Type string
			SHA, Content     *string
		}
	}
	if !c.decode(&in) {
		return unreadable()
	}
	o := c.repo.objects
	files := map[string]entry{}
	if in.Base != "" {
		base := in.Base
		if at := o.commits[base]; at != nil {
			base = at.tree // GitHub takes a commit too
		}
		if _, there := o.trees[base]; !there {
			return refuse(http.StatusUnprocessableEntity, "base_tree is not a valid oid")
		}
		files = o.flat(base)
	}
	for _, e := range in.Tree {
		if malformed(e.Path) {
			return refuse(http.StatusUnprocessableEntity, "tree.path contains a malformed path component")
		}
		delete(files, e.Path)
		switch {
		case e.Content != nil:
			files[e.Path] = entry{mode: e.Mode, sha: o.blob([]byte(*e.Content))}
		case e.SHA == nil:
		case e.Mode == modeTree && o.trees[*e.SHA] != nil:
			for path, one := range o.flat(*e.SHA) {
				files[e.Path+"/"+path] = one
			}
		case o.blobs[*e.SHA] == nil:
			return refuse(http.StatusUnprocessableEntity, "tree.sha "+*e.SHA+" is not a valid blob")
		default:
			files[e.Path] = entry{mode: e.Mode, sha: *e.SHA}
		}
	}
	return made(c.repo.tree(o.build(files), false))
}

func malformed(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return s == "" || s == "." || s == ".." || strings.EqualFold(s, ".git") })
}

func getTree(c *call) answer {
	sha := c.params["tree_sha"]
	if at := c.repo.resolve(sha); at != nil {
		sha = at.tree
	}
	if _, there := c.repo.objects.trees[sha]; !there {
		return notFound()
	}
	return ok(c.repo.tree(sha, c.query.Get("recursive") != ""))
}

// tree is one with what it has at once, or with all.
func (r *Repository) tree(sha string, all bool) object {
	entries := []object{}
	r.objects.walk(sha, "", func(path string, e entry) {
		if !all && strings.Contains(path, "/") {
			return
		}
		one := object{"path": path, "mode": e.mode, "type": e.kind(), "sha": e.sha, "url": r.api("/git/" + e.kind() + "s/" + e.sha)}
		if e.kind() == "blob" {
			one["size"] = len(r.objects.blobs[e.sha])
		}
		entries = append(entries, one)
	})
	return object{"sha": sha, "url": r.api("/git/trees/" + sha), "truncated": false, "tree": entries}
}

func createCommit(c *call) answer {
	type who struct {
		Name, Email string
		Date        time.Time
	}
	var in struct {
		Message, Tree     string
		Parents           []string
		Author, Committer *who
	}
	if !c.decode(&in) {
		return unreadable()
	}
	o := c.repo.objects
	if _, there := o.trees[in.Tree]; !there {
		return refuse(http.StatusUnprocessableEntity, "Tree SHA does not exist")
	}
	for _, p := range in.Parents {
		if o.commits[p] == nil {
			return refuse(http.StatusUnprocessableEntity, "Parent SHA does not exist or is not a commit object")
		}
	}
	by := c.who.actor()
	signed := func(w *who, other signature) (signature, *Person) {
		if w == nil {
			return other, by
		}
		if w.Date.IsZero() {
			w.Date = c.g.now()
		}
		return signature{w.Name, w.Email, w.Date.UTC().Truncate(time.Second)}, c.g.byEmail(w.Email)
	}
	n := commit{tree: in.Tree, parents: in.Parents, message: in.Message}
	n.author, n.by = signed(in.Author, c.repo.signed(by))
	n.committer, n.with = signed(in.Committer, n.author)
	if in.Committer == nil {
		n.with = n.by
	}
	return made(c.repo.gitCommit(o.commit(n)))
}

// byEmail is whose address it is. Nil: nobody's that GitHub knows.
func (g *GitHub) byEmail(address string) *Person {
	for _, p := range g.people {
		if strings.EqualFold(p.Email, address) || strings.EqualFold(p.private(), address) {
			return p
		}
	}
	return nil
}

func (r *Repository) gitCommit(c *commit) object {
	return object{"sha": c.sha, "node_id": node("C", int64(c.made)), "url": r.api("/git/commits/" + c.sha), "html_url": r.html("/commit/" + c.sha),
		"author": c.author.json(), "committer": c.committer.json(), "message": c.message, "tree": object{"sha": c.tree, "url": r.api("/git/trees/" + c.tree)},
		"parents": list(c.parents, func(sha string) object {
			return object{"sha": sha, "url": r.api("/git/commits/" + sha), "html_url": r.html("/commit/" + sha)}
		}), "verification": unsigned()}
}

func getGitCommit(c *call) answer {
	at := c.repo.objects.commits[c.params["commit_sha"]]
	if at == nil {
		return notFound()
	}
	return ok(c.repo.gitCommit(at))
}
