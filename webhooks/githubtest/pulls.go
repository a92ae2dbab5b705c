package githubtest

import (
	"fmt"
	"time"
)

const (
	open   = "open"
	closed = "closed"
)

// A PullRequest is one on the server. What a test does with it is told of by the
// webhook, as all that people do.
type PullRequest struct {
	Number int
	Branch string // that it proposes

	g           *GitHub
	repo        *Repository
	headRepo    *Repository
	headSHA     string
	base        string // branch
	baseSHA     string // where it was when the head last moved
	id          int64
	title, body string
	author      *Person
	state       string
	draft       bool
	made        time.Time
	updated     time.Time
	closed      time.Time
	merged      time.Time
	mergedBy    *Person
	mergeSHA    string
	tried       string    // the commit of the last trial
	triedOf     [2]string // base and head
}

// An Opening is what a new pull request is made of.
type Opening struct {
	By    string
	Title string
	Body  string
	Base  string // empty: the default branch
	// Branch to propose. One that is not there begins at the base and gets the files;
	// empty: a name is found.
	Branch string
	From   *Repository // of the branch; nil: the repository itself
	Files  Files
	Draft  bool
}

// Open pushes files to a branch and opens a pull request of it.
func (r *Repository) Open(o Opening) *PullRequest {
	r.g.t.Helper()
	if o.Base == "" {
		o.Base = r.main
	}
	if o.From == nil {
		o.From = r
	}
	r.g.mu.Lock()
	if o.Branch == "" {
		o.Branch = fmt.Sprintf("%s-%d", o.By, r.numbers+1)
	}
	ref := refHeads + o.Branch
	if o.From.refs[ref] == "" {
		o.From.move(r.g.person(o.By), ref, r.refs[refHeads+o.Base])
	}
	r.g.mu.Unlock()
	if len(o.Files) > 0 {
		o.From.Commit(o.By, o.Branch, o.Title, o.Files)
	}
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	return r.openPull(r.g.person(o.By), o.Title, o.Body, o.From, o.Branch, o.Base, o.Draft)
}

func (r *Repository) openPull(by *Person, title, body string, from *Repository, branch, base string, draft bool) *PullRequest {
	r.numbers++
	pr := &PullRequest{Number: r.numbers, Branch: branch, g: r.g, repo: r, headRepo: from, headSHA: from.refs[refHeads+branch], base: base,
		baseSHA: r.refs[refHeads+base], id: r.g.id(), title: title, body: body, author: by, state: open, draft: draft, made: r.g.now(), updated: r.g.now()}
	r.pulls = append(r.pulls, pr)
	pr.tell(by, "opened", nil)
	return pr
}

func (pr *PullRequest) ref() string { return fmt.Sprintf("pull/%d", pr.Number) }

// moved follows the branch. One that was removed closes its pull requests.
func (pr *PullRequest) moved(by *Person, before, after string) {
	pr.updated = pr.g.now()
	if after == "" {
		pr.close(by)
		return
	}
	pr.headSHA, pr.baseSHA = after, pr.repo.refs[refHeads+pr.base]
	pr.tell(by, "synchronize", object{"before": before, "after": after})
}

func (pr *PullRequest) close(by *Person) {
	pr.state, pr.closed, pr.updated = closed, pr.g.now(), pr.g.now()
	pr.tell(by, "closed", nil)
}

func (pr *PullRequest) reopen(by *Person) {
	if sha := pr.headRepo.refs[refHeads+pr.Branch]; sha != "" {
		pr.headSHA = sha
	}
	pr.state, pr.closed, pr.updated = open, time.Time{}, pr.g.now()
	pr.tell(by, "reopened", nil)
}

func (pr *PullRequest) rebase(by *Person, base string) {
	was, wasAt := pr.base, pr.baseSHA
	pr.base, pr.baseSHA, pr.updated = base, pr.repo.refs[refHeads+base], pr.g.now()
	pr.tell(by, "edited", object{"changes": object{"base": object{"ref": object{"from": was}, "sha": object{"from": wasAt}}}})
}

// tell sends the event of something that was done to it.
func (pr *PullRequest) tell(by *Person, action string, more object) {
	e := object{"action": action, "number": pr.Number, "pull_request": pr.json(true)}
	for key, v := range more {
		e[key] = v
	}
	pr.g.tell(pr.repo, by, "pull_request", e)
}

// landed finds pull requests whose commits came to their base by a push: GitHub calls
// them merged.
func (r *Repository) landed(by *Person, branch, before, after string) {
	had, has := r.objects.ancestors(before), r.objects.ancestors(after)
	for _, pr := range r.pulls {
		if pr.state != open || pr.base != branch || had[pr.headSHA] || !has[pr.headSHA] {
			continue
		}
		pr.merged, pr.mergedBy, pr.mergeSHA = r.g.now(), by, after
		pr.close(by)
	}
}

// Pull is the open pull request of a branch of the repository; nil: there is none.
func (r *Repository) Pull(branch string) *PullRequest {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	for _, pr := range r.pulls {
		if pr.state == open && pr.headRepo == r && pr.Branch == branch {
			return pr
		}
	}
	return nil
}
