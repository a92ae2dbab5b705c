package githubtest

import (
	"maps"
	"slices"
)

// A diff is what became of one file.
type diff struct {
	path, status   string
	sha            string // of what is there now, or was last
	added, deleted int
}

// diffs compare the files of two trees.
func (o *objects) diffs(from, to string) []diff {
	a, b := o.flat(from), o.flat(to)
	var all []diff
	for _, path := range slices.Sorted(maps.Keys(union(a, b))) {
		was, is := a[path], b[path]
		if was == is {
			continue
		}
		d := diff{path: path, status: "modified", sha: is.sha}
		switch {
		case was.sha == "":
			d.status = "added"
		case is.sha == "":
			d.status, d.sha = "removed", was.sha
		}
		for _, h := range hunks(lines(string(o.blobs[was.sha])), lines(string(o.blobs[is.sha]))) {
			d.added += len(h.lines)
			d.deleted += h.hi - h.lo
		}
		all = append(all, d)
	}
	return all
}

func (d diff) json(r *Repository, at string) object {
	return object{"sha": d.sha, "filename": d.path, "status": d.status, "additions": d.added, "deletions": d.deleted, "changes": d.added + d.deleted,
		"blob_url": r.html("/blob/" + at + "/" + d.path), "raw_url": r.html("/raw/" + at + "/" + d.path), "contents_url": r.api("/contents/" + d.path + "?ref=" + at)}
}

// files are what a pull request changes since it left its base.
func (pr *PullRequest) files() []diff {
	o := pr.repo.objects
	base := o.commits[o.mergeBase(pr.baseSHA, pr.headSHA)]
	if base == nil {
		return nil
	}
	return o.diffs(base.tree, o.commits[pr.headSHA].tree)
}
