package githubtest

import (
	"fmt"
	"strconv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// The methods of a merge.
const (
	mergeCommit = "merge"
	mergeSquash = "squash"
)

// together is the tree of the merge with the base as it is now; false: a conflict.
func (pr *PullRequest) together() (string, bool) {
	o := pr.repo.objects
	base := o.commits[pr.repo.refs[refHeads+pr.base]]
	head := o.commits[pr.headSHA]
	common := o.commits[o.mergeBase(base.sha, head.sha)]
	if common == nil {
		return "", false
	}
	return o.mergeTrees(common.tree, base.tree, head.tree)
}

// trial is the commit that GitHub makes to find out whether a merge is possible, and
// that refs/pull/<number>/merge points at; "": it is not.
func (pr *PullRequest) trial() string {
	if pr.state != open {
		return ""
	}
	base := pr.repo.refs[refHeads+pr.base]
	if of := [2]string{base, pr.headSHA}; pr.triedOf != of {
		pr.triedOf, pr.tried = of, pr.try(base)
	}
	return pr.tried
}

func (pr *PullRequest) try(base string) string {
	tree, ok := pr.together()
	if !ok {
		return ""
	}
	s := signature{"GitHub", "noreply@github.com", pr.updated}
	return pr.repo.objects.commit(commit{tree: tree, parents: []string{base, pr.headSHA}, author: s, committer: s,
		message: fmt.Sprintf("Merge %s into %s", pr.headSHA, base)}).sha
}

// unmergeable says why not, in GitHub's words.
func (pr *PullRequest) unmergeable() string {
	switch {
	case !pr.merged.IsZero():
		return "Pull Request is already merged"
	case pr.state != open:
		return "Pull Request is closed"
	case pr.draft:
		return "Pull Request is still a draft"
	}
	if _, ok := pr.together(); !ok {
		return "Pull Request has merge conflicts"
	}
	return ""
}

// land merges what can be merged.
func (pr *PullRequest) land(by *Person, method, title, message string) string {
	r := pr.repo
	tree, _ := pr.together()
	ref := refHeads + pr.base
	web := signature{"GitHub", "noreply@github.com", r.g.now()}
	c := commit{tree: tree, parents: []string{r.refs[ref], pr.headSHA}, author: r.signed(by), committer: web, by: by}
	if method == mergeSquash {
		c.parents, c.author, c.by = c.parents[:1], r.signed(pr.author), pr.author
	}
	c.message = pr.words(method, title, message)
	sha := r.objects.commit(c).sha
	pr.state, pr.merged, pr.mergedBy, pr.mergeSHA = closed, r.g.now(), by, sha
	pr.closed, pr.updated, pr.baseSHA = r.g.now(), r.g.now(), r.refs[ref]
	r.move(by, ref, sha)
	pr.tell(by, "closed", nil)
	return sha
}

// words are a merge's message, GitHub's own where none is given.
func (pr *PullRequest) words(method, title, message string) string {
	switch {
	case title == "" && method == mergeSquash:
		title = fmt.Sprintf("%s (#%d)", pr.title, pr.Number)
	case title == "":
		title = fmt.Sprintf("Merge pull request #%d from %s/%s", pr.Number, pr.headRepo.Owner, pr.Branch)
		if message == "" {
			message = pr.title
		}
	}
	if message == "" {
		return title
	}
	return title + "\n\n" + message
}
