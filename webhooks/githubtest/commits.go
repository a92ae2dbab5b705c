package githubtest

import (
	"net/http"
	"slices"
	"strings"
)

// A Commit is one in a branch's history.
type Commit struct {
	SHA, Message string
	Name, Email  string // of its author
	Parents      []string
}

// Log are the commits of a branch, or up to one, newest first.
func (r *Repository) Log(at string) []Commit {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	var all []Commit
	if c := r.resolve(at); c != nil {
		for _, one := range slices.Backward(r.objects.between("", c.sha)) {
			all = append(all, Commit{one.sha, one.message, one.author.name, one.author.email, one.parents})
		}
	}
	return all
}

func (s signature) json() object {
	return object{"name": s.name, "email": s.email, "date": stamp(s.when)}
}

// unsigned is what GitHub found out of a commit's signature.
func unsigned() object {
	return object{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}
}

// commit is one as people look at it.
func (r *Repository) commit(c *commit) object {
	account := func(p *Person) any {
		if p == nil {
			return nil
		}
		return r.g.user(p)
	}
	parents := list(c.parents, func(sha string) object {
		return object{"sha": sha, "url": r.api("/commits/" + sha), "html_url": r.html("/commit/" + sha)}
	})
	return object{"url": r.api("/commits/" + c.sha), "sha": c.sha, "node_id": node("C", int64(c.made)), "html_url": r.html("/commit/" + c.sha),
		"comments_url": r.api("/commits/" + c.sha + "/comments"), "author": account(c.by), "committer": account(c.with), "parents": parents,
		"commit": object{"url": r.api("/git/commits/" + c.sha), "author": c.author.json(), "committer": c.committer.json(), "message": c.message,
			"comment_count": 0, "tree": object{"sha": c.tree, "url": r.api("/git/trees/" + c.tree)}, "verification": unsigned()}}
}

func getCommit(c *call) answer {
	at := c.repo.resolve(c.params["ref"])
	if at == nil {
		return refuse(http.StatusUnprocessableEntity, "No commit found for SHA: "+c.params["ref"])
	}
	if accepts(c, "sha") {
		return answer{status: http.StatusOK, raw: []byte(at.sha), kind: "application/vnd.github.sha"}
	}
	o := c.repo.commit(at)
	before := ""
	if len(at.parents) > 0 {
		before = c.repo.objects.commits[at.parents[0]].tree
	}
	all := c.repo.objects.diffs(before, at.tree)
	added, deleted := 0, 0
	for _, d := range all {
		added, deleted = added+d.added, deleted+d.deleted
	}
	o["stats"] = object{"additions": added, "deletions": deleted, "total": added + deleted}
	o["files"] = list(page(c, all), func(d diff) object { return d.json(c.repo, at.sha) })
	return ok(o)
}

// accepts tells whether a form of GitHub's own is asked for, such as raw.
func accepts(c *call, form string) bool {
	a := c.r.Header.Get("Accept")
	return strings.HasPrefix(a, "application/vnd.github") && strings.Contains(a+" ", "."+form)
}

// listCommits lists the newest first; with a path, those that changed what is there.
func listCommits(c *call) answer {
	at := c.repo.resolve(c.query.Get("sha"))
	if at == nil {
		return notFound()
	}
	o, path := c.repo.objects, c.query.Get("path")
	var all []*commit
	for _, one := range slices.Backward(o.between("", at.sha)) {
		if !one.committer.when.Before(c.since()) && (path == "" || o.touches(one, path)) {
			all = append(all, one)
		}
	}
	return ok(list(page(c, all), c.repo.commit))
}

func (o *objects) touches(c *commit, path string) bool {
	is, _ := o.find(c.tree, path)
	for _, p := range c.parents {
		if was, _ := o.find(o.commits[p].tree, path); was.sha == is.sha {
			return false // it came with this parent
		}
	}
	return len(c.parents) > 0 || is.sha != ""
}

// compare answers from a base to a head, each maybe owner:branch of the network.
func compare(c *call) answer {
	from, to, three := strings.Cut(c.params["basehead"], "...")
	base, head := c.across(from), c.across(to)
	if !three || base == nil || head == nil {
		return notFound()
	}
	r, o := c.repo, c.repo.objects
	common := o.commits[o.mergeBase(base.sha, head.sha)]
	if common == nil {
		return refuse(http.StatusNotFound, "No common ancestor between "+from+" and "+to+".")
	}
	ahead, behind := o.between(base.sha, head.sha), o.between(head.sha, base.sha)
	state := "identical"
	switch {
	case len(ahead) > 0 && len(behind) > 0:
		state = "diverged"
	case len(ahead) > 0:
		state = "ahead"
	case len(behind) > 0:
		state = "behind"
	}
	html := r.html("/compare/" + c.params["basehead"])
	return ok(object{"url": r.api("/compare/" + c.params["basehead"]), "html_url": html, "permalink_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch",
		"base_commit": r.commit(base), "merge_base_commit": r.commit(common), "status": state, "ahead_by": len(ahead), "behind_by": len(behind),
		"total_commits": len(ahead), "commits": list(page(c, ahead), r.commit),
		"files": list(o.diffs(common.tree, head.tree), func(d diff) object { return d.json(r, head.sha) })})
}

func (c *call) across(name string) *commit {
	if owner, ref, other := strings.Cut(name, ":"); other {
		for _, r := range c.g.repos {
			if strings.EqualFold(r.Owner, owner) && r.objects == c.repo.objects {
				return r.resolve(ref)
			}
		}
		return nil
	}
	return c.repo.resolve(name)
}
