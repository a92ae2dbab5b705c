package githubtest

import "slices"

// ancestors are a commit and all that it came of.
func (o *objects) ancestors(sha string) map[string]bool {
	seen := map[string]bool{}
	ahead := []string{sha}
	for len(ahead) > 0 {
		next := ahead[len(ahead)-1]
		ahead = ahead[:len(ahead)-1]
		if c := o.commits[next]; c != nil && !seen[next] {
			seen[next] = true
			ahead = append(ahead, c.parents...)
		}
	}
	return seen
}

// mergeBase is the newest commit that two have in common; "": they have none.
func (o *objects) mergeBase(a, b string) string {
	common := o.ancestors(a)
	best := ""
	for sha := range o.ancestors(b) {
		if common[sha] && (best == "" || o.commits[sha].made > o.commits[best].made) {
			best = sha
		}
	}
	return best
}

// between are the commits that head has and base has not, oldest first.
func (o *objects) between(base, head string) []*commit {
	has := o.ancestors(base)
	var all []*commit
	for sha := range o.ancestors(head) {
		if !has[sha] {
			all = append(all, o.commits[sha])
		}
	}
	slices.SortFunc(all, func(a, b *commit) int { return a.made - b.made })
	return all
}

// reaches tells whether a branch at one commit can move to another without losing any.
func (o *objects) reaches(from, to string) bool { return o.ancestors(to)[from] }
