package githubtest

import "errors"

// do has somebody do something under the lock.
func (pr *PullRequest) do(by string, f func(*Person)) {
	pr.g.mu.Lock()
	defer pr.g.mu.Unlock()
	f(pr.g.person(by))
}

// Head is the commit that it proposes.
func (pr *PullRequest) Head() string {
	pr.g.mu.Lock()
	defer pr.g.mu.Unlock()
	return pr.headSHA
}

// State is open, closed or merged.
func (pr *PullRequest) State() string {
	pr.g.mu.Lock()
	defer pr.g.mu.Unlock()
	if !pr.merged.IsZero() {
		return "merged"
	}
	return pr.state
}

// Push commits files to its branch.
func (pr *PullRequest) Push(by, message string, files Files) string {
	return pr.headRepo.Commit(by, pr.Branch, message, files)
}

// Close ends it without a merge.
func (pr *PullRequest) Close(by string) { pr.do(by, pr.close) }

// Reopen takes it up again, with what its branch has now.
func (pr *PullRequest) Reopen(by string) { pr.do(by, pr.reopen) }

// Base changes the branch that it goes into.
func (pr *PullRequest) Base(by, branch string) {
	pr.do(by, func(p *Person) { pr.rebase(p, branch) })
}

// Draft says whether it is not yet to be reviewed.
func (pr *PullRequest) Draft(by string, draft bool) {
	pr.do(by, func(p *Person) {
		pr.draft, pr.updated = draft, pr.g.now()
		action := "ready_for_review"
		if draft {
			action = "converted_to_draft"
		}
		pr.tell(p, action, nil)
	})
}

// Title changes what it is called.
func (pr *PullRequest) Title(by, title string) {
	pr.do(by, func(p *Person) { pr.retitle(p, title) })
}

func (pr *PullRequest) retitle(by *Person, title string) {
	was := pr.title
	pr.title, pr.updated = title, pr.g.now()
	pr.tell(by, "edited", object{"changes": object{"title": object{"from": was}}})
}

// Mergeable tells whether its files merge with those of its base.
func (pr *PullRequest) Mergeable() bool {
	pr.g.mu.Lock()
	defer pr.g.mu.Unlock()
	return pr.trial() != ""
}

// Merge presses the button: the commit of the merge, which has two parents.
func (pr *PullRequest) Merge(by string) (string, error) { return pr.merge(by, mergeCommit) }

// Squash merges it as one commit of its author.
func (pr *PullRequest) Squash(by string) (string, error) { return pr.merge(by, mergeSquash) }

func (pr *PullRequest) merge(by, method string) (string, error) {
	pr.g.mu.Lock()
	defer pr.g.mu.Unlock()
	if reason := pr.unmergeable(); reason != "" {
		return "", errors.New(reason)
	}
	return pr.land(pr.g.person(by), method, "", ""), nil
}

// Revert opens a pull request that takes back what this one brought, as the button
// does.
func (pr *PullRequest) Revert(by string) (*PullRequest, error) {
	pr.g.mu.Lock()
	defer pr.g.mu.Unlock()
	r, p := pr.repo, pr.g.person(by)
	merged := r.objects.commits[pr.mergeSHA]
	if merged == nil {
		return nil, errors.New("it is not merged: merge it first")
	}
	tip := r.refs[refHeads+pr.base]
	before := r.objects.commits[merged.parents[0]].tree
	tree, ok := r.objects.mergeTrees(merged.tree, r.objects.commits[tip].tree, before)
	if !ok {
		return nil, errors.New("what it changed was changed again: revert by hand")
	}
	branch, title := "revert-"+pr.Branch, `Revert "`+pr.title+`"`
	r.push(p, branch, title+"\n\nThis reverts commit "+merged.sha+".", tree, tip)
	return r.openPull(p, title, "Reverts "+r.fullName()+"#"+itoa(pr.Number), r, branch, pr.base, false), nil
}

// Update merges the base into its branch, with files as somebody settled them.
func (pr *PullRequest) Update(by string, settled Files) string {
	pr.g.mu.Lock()
	defer pr.g.mu.Unlock()
	r := pr.headRepo
	tip := pr.repo.refs[refHeads+pr.base]
	files := r.objects.flat(r.objects.commits[tip].tree)
	for path, text := range settled {
		files[path] = entry{mode: modeFile, sha: r.objects.blob([]byte(text))}
	}
	return r.push(pr.g.person(by), pr.Branch, "Merge branch '"+pr.base+"' into "+pr.Branch, r.objects.build(files), pr.headSHA, tip)
}
