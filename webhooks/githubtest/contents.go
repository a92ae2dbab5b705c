package githubtest

import (
	"encoding/base64"
	"net/http"
	"path"
	"strings"
)

// contentMax is the size up to which GitHub gives a file's content here.
const contentMax = 1 << 20

func getContents(c *call) answer {
	at := c.repo.resolve(c.query.Get("ref"))
	if at == nil {
		return refuse(http.StatusNotFound, "No commit found for the ref "+c.query.Get("ref"))
	}
	where := strings.Trim(c.params["path"], "/")
	e, found := c.repo.objects.find(at.tree, where)
	switch {
	case !found:
		return notFound()
	case e.mode == modeTree:
		all := []object{}
		for _, one := range c.repo.objects.trees[e.sha] {
			all = append(all, c.content(path.Join(where, one.name), one))
		}
		return ok(all)
	case accepts(c, "raw"):
		return answer{status: http.StatusOK, raw: c.repo.objects.blobs[e.sha], kind: "application/vnd.github.raw"}
	}
	o := c.content(where, e)
	text := c.repo.objects.blobs[e.sha]
	switch {
	case e.mode == modeLink:
		o["type"], o["target"] = "symlink", string(text)
	case len(text) > contentMax:
		o["encoding"], o["content"] = "none", ""
	default:
		o["encoding"], o["content"] = "base64", wrapped(text)
	}
	return ok(o)
}

// content is what there is at a path, without what is in it.
func (c *call) content(where string, e entry) object {
	r := c.repo
	kind := map[string]string{modeTree: "dir", modeLink: "symlink"}[e.mode]
	if kind == "" {
		kind = "file"
	}
	self := r.api("/contents/" + where + "?ref=" + c.query.Get("ref"))
	git, html := r.api("/git/"+e.kind()+"s/"+e.sha), r.html("/blob/HEAD/"+where)
	o := object{"type": kind, "size": len(r.objects.blobs[e.sha]), "name": path.Base(where), "path": where, "sha": e.sha, "url": self, "git_url": git,
		"html_url": html, "download_url": r.html("/raw/HEAD/" + where), "_links": object{"git": git, "html": html, "self": self}}
	if kind == "dir" {
		o["download_url"] = nil
	}
	return o
}

// wrapped is base64 in lines, as GitHub's is.
func wrapped(b []byte) string {
	const width = 60
	s := base64.StdEncoding.EncodeToString(b)
	var out strings.Builder
	for len(s) > width {
		out.WriteString(s[:width] + "\n")
		s = s[width:]
	}
	return out.String() + s + "\n"
}
