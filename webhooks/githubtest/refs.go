package githubtest

import (
	"strings"
)

const (
	shaShort = 7 // the fewest characters that an abbreviation has
	noCommit = "0000000000000000000000000000000000000000"
)

// resolve finds the commit of a branch, a ref, an id or its beginning. Nil: none.
func (r *Repository) resolve(at string) *commit {
	if at == "" || at == "HEAD" {
		at = r.main
	}
	for _, prefix := range []string{refHeads, "refs/tags/", "refs/", ""} {
		if sha, ok := r.refs[prefix+at]; ok {
			return r.objects.commits[sha]
		}
	}
	if sha, ok := r.pullRef(at); ok {
		return r.objects.commits[sha]
	}
	if c := r.objects.commits[at]; c != nil {
		return c
	}
	if len(at) < shaShort {
		return nil
	}
	for sha, c := range r.objects.commits {
		if strings.HasPrefix(sha, at) {
			return c
		}
	}
	return nil
}

// pullRef is what refs/pull/<number>/head and /merge point at.
func (r *Repository) pullRef(ref string) (string, bool) {
	for _, pr := range r.pulls {
		name := pr.ref()
		switch strings.TrimPrefix(ref, "refs/") {
		case name + "/head":
			return pr.headSHA, true
		case name + "/merge":
			sha := pr.trial()
			return sha, sha != ""
		}
	}
	return "", false
}

// move sets a ref, tells of the push, and takes its pull requests along. An empty sha
// removes it.
func (r *Repository) move(by *Person, ref, sha string) {
	before := r.refs[ref]
	if before == sha {
		return
	}
	r.pushed = r.g.now()
	if sha == "" {
		delete(r.refs, ref)
	} else {
		r.refs[ref] = sha
	}
	r.g.tell(r, by, "push", r.pushEvent(ref, before, sha, by))
	branch, ok := strings.CutPrefix(ref, refHeads)
	if !ok {
		return
	}
	r.landed(by, branch, before, sha)
	for _, other := range r.g.repos {
		for _, pr := range other.pulls {
			if pr.headRepo == r && pr.Branch == branch && pr.state == open {
				pr.moved(by, before, sha)
			}
		}
	}
}

func (r *Repository) pushEvent(ref, before, after string, by *Person) object {
	made, gone := before == "", after == ""
	if made {
		before = noCommit
	}
	if gone {
		after = noCommit
	}
	forced := !made && !gone && !r.objects.reaches(before, after)
	all := []object{}
	if !gone {
		for _, c := range r.objects.between(before, after) {
			all = append(all, object{"id": c.sha, "tree_id": c.tree, "distinct": true, "message": c.message, "timestamp": stamp(c.committer.when),
				"url": r.html("/commit/" + c.sha), "author": object{"name": c.author.name, "email": c.author.email},
				"committer": object{"name": c.committer.name, "email": c.committer.email}, "added": []string{}, "removed": []string{}, "modified": []string{}})
		}
	}
	e := object{"ref": ref, "before": before, "after": after, "created": made, "deleted": gone, "forced": forced, "base_ref": nil,
		"compare": r.html("/compare/" + before + "..." + after), "commits": all, "head_commit": nil,
		"pusher": object{"name": by.Login, "email": by.private()}}
	if len(all) > 0 {
		e["head_commit"] = all[len(all)-1]
	}
	return e
}
