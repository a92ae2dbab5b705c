package githubtest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

func (r *Repository) ref(name, sha string) object {
	return object{"ref": name, "node_id": node("REF", r.id), "url": r.api("/git/" + name), "object": object{"type": "commit", "sha": sha, "url": r.api("/git/commits/" + sha)}}
}

func getRef(c *call) answer {
	name := "refs/" + c.params["ref"]
	sha := c.repo.refs[name]
	if sha == "" {
		sha, _ = c.repo.pullRef(name)
	}
	if sha == "" {
		return notFound()
	}
	return ok(c.repo.ref(name, sha))
}

func matchingRefs(c *call) answer {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(c.repo.refs)) {
		if strings.HasPrefix(name, "refs/"+c.params["ref"]) {
			names = append(names, name)
		}
	}
	return ok(list(names, func(name string) object { return c.repo.ref(name, c.repo.refs[name]) }))
}

func createRef(c *call) answer {
	var in struct{ Ref, SHA string }
	if !c.decode(&in) {
		return unreadable()
	}
	switch {
	case strings.Count(in.Ref, "/") < 2 || !strings.HasPrefix(in.Ref, "refs/"):
		return refuse(http.StatusUnprocessableEntity, "Reference name must start with 'refs/' and have at least two slashes")
	case c.repo.objects.commits[in.SHA] == nil:
		return refuse(http.StatusUnprocessableEntity, "Object does not exist")
	case c.repo.refs[in.Ref] != "":
		return refuse(http.StatusUnprocessableEntity, "Reference already exists")
	}
	c.repo.move(c.who.actor(), in.Ref, in.SHA)
	return made(c.repo.ref(in.Ref, in.SHA))
}

// updateRef moves forward, unless it is forced.
func updateRef(c *call) answer {
	var in struct {
		SHA   string
		Force bool
	}
	if !c.decode(&in) {
		return unreadable()
	}
	name := "refs/" + c.params["ref"]
	at := c.repo.refs[name]
	switch {
	case at == "":
		return refuse(http.StatusUnprocessableEntity, "Reference does not exist")
	case c.repo.objects.commits[in.SHA] == nil:
		return refuse(http.StatusUnprocessableEntity, "Object does not exist")
	case !in.Force && !c.repo.objects.reaches(at, in.SHA):
		return refuse(http.StatusUnprocessableEntity, "Update is not a fast forward")
	}
	c.repo.move(c.who.actor(), name, in.SHA)
	return ok(c.repo.ref(name, in.SHA))
}

func deleteRef(c *call) answer {
	name := "refs/" + c.params["ref"]
	if c.repo.refs[name] == "" {
		return refuse(http.StatusUnprocessableEntity, "Reference does not exist")
	}
	c.repo.move(c.who.actor(), name, "")
	return gone()
}

func (r *Repository) branches() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(r.refs)) {
		if branch, ok := strings.CutPrefix(name, refHeads); ok {
			all = append(all, branch)
		}
	}
	return all
}

func listBranches(c *call) answer {
	return ok(list(page(c, c.repo.branches()), func(name string) object {
		sha := c.repo.refs[refHeads+name]
		return object{"name": name, "commit": object{"sha": sha, "url": c.repo.api("/commits/" + sha)}, "protected": false}
	}))
}

func getBranch(c *call) answer {
	name := c.params["branch"]
	at := c.repo.objects.commits[c.repo.refs[refHeads+name]]
	if at == nil {
		return refuse(http.StatusNotFound, "Branch not found")
	}
	self := c.repo.api("/branches/" + name)
	return ok(object{"name": name, "commit": c.repo.commit(at), "_links": object{"self": self, "html": c.repo.html("/tree/" + name)}, "protected": false,
		"protection": object{"enabled": false}, "protection_url": self + "/protection"})
}
