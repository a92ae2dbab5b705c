package repo

import (
	"context"
	"fmt"

	"github.com/mainstaydb/mainstay/specs"
)

// MergeOptions say what is merged into what, and on which conditions.
type MergeOptions struct {
	Branch, Into string // of the hub
	// Head is merged in place of the head of Branch: a Draft, which the hub does not
	// have. Empty: Branch is.
	Head string
	// Author of the merge commit; zero: that of Options.
	Author Author
	// Resolve settles conflicts cell by cell; "" refuses them.
	Resolve Side
	// Tests has the base's own checks run on the merged rows.
	Tests bool
	// Approve is told of the trial merge before anything is pushed. Its message
	// becomes the commit's, "" keeps the usual one, and its error keeps the merge
	// from the hub. It is asked again when others pushed first. It may read from the
	// Repo, but nothing in it may fetch or push: the Repo is busy.
	Approve func(*Merged) (message string, err error)
}

// Merged is what a merge made, or would make.
type Merged struct {
	Commit string // "": there is nothing to merge. Of a trial, in this clone alone
	Base   string // head of Into
	Head   string // head of Branch
	// Changes are against Base.
	Changes []specs.RowChange
	Tests   []TestResult
	// TestsChanged: the merge changes the team's own checks, or the views that they
	// may read.
	TestsChanged bool
	Resolved     []Conflict // that Resolve settled
}

// fetched are the branches that a merge reads beside the one that it goes into.
func (o MergeOptions) fetched() []string {
	if o.Head != "" {
		return nil
	}
	return []string{o.Branch}
}

func (o MergeOptions) what() string { return fmt.Sprintf("merging %s into %s", o.Branch, o.Into) }

// check refuses the branches that have another meaning than a proposal's.
func (o MergeOptions) check() error {
	for _, branch := range []string{o.Branch, o.Into} {
		if branch == StatusBranch || branch == ProposalsBranch {
			return fmt.Errorf("%s is not possible, because %s is no branch of the desired state; name another: %w", o.what(), branch, ErrProtectedBranch)
		}
	}
	if o.Resolve != "" && o.Resolve != Ours && o.Resolve != Theirs {
		return fmt.Errorf("%s cannot be settled with %q; use %q or %q", o.what(), o.Resolve, Ours, Theirs)
	}
	return nil
}

// MergeChecked puts a branch of the hub into another with a merge commit and
// pushes it, if Approve agrees. A *ConflictError says what a person must decide.
// After an error nothing was changed on the hub.
func (r *Repo) MergeChecked(ctx context.Context, o MergeOptions) (*Merged, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var merged *Merged
	err := r.landing(ctx, o.Into, func(s *session, base string) (string, error) {
		var err error
		if merged, err = r.trial(s, base, o); err != nil || merged.Commit == "" {
			return "", err
		}
		merged.Commit, err = r.approved(s, merged, o)
		return merged.Commit, err
	}, o.fetched()...)
	if err != nil {
		return nil, err
	}
	return merged, nil
}

// approved asks for leave and gives the trial commit the message that came with it.
func (r *Repo) approved(s *session, m *Merged, o MergeOptions) (string, error) {
	if o.Approve == nil {
		return m.Commit, nil
	}
	message, err := o.Approve(m)
	if err != nil || message == "" {
		return m.Commit, err
	}
	commit, err := s.value("CALL dolt_commit('--amend', '--allow-empty', '-m', ?, '--author', ?)", message, r.by(o.Author))
	if err != nil {
		return "", fmt.Errorf("%s failed when its message was written, and nothing was changed: %w", o.what(), err)
	}
	return commit, nil
}

// TryMerge merges in the clone alone, and asks nobody. The commit can be read by
// Snapshot and Changes for as long as the Repo is open; the hub knows nothing of it.
func (r *Repo) TryMerge(ctx context.Context, o MergeOptions) (*Merged, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	base, err := r.fetchHead(ctx, o.Into, o.fetched()...)
	if err != nil {
		return nil, err
	}
	var merged *Merged
	err = r.scratch(ctx, base, func(s *session, _ string) error {
		merged, err = r.trial(s, base, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return merged, nil
}

// Merge is MergeChecked without a say. It returns the commit, or "" when the
// branch is in it already.
func (r *Repo) Merge(ctx context.Context, branch, into, message string) (string, error) {
	merged, err := r.MergeChecked(ctx, MergeOptions{
		Branch: branch, Into: into, Approve: func(*Merged) (string, error) { return message, nil },
	})
	if err != nil {
		return "", err
	}
	return merged.Commit, nil
}

// trial merges on the session's branch, which begins at base.
func (r *Repo) trial(s *session, base string, o MergeOptions) (*Merged, error) {
	head := o.Head
	var err error
	if head == "" {
		if head, err = s.head(o.Branch); err != nil {
			return nil, err
		}
	}
	fork, err := s.value("SELECT dolt_merge_base(?, ?)", base, head)
	if err == nil {
		_, err = s.schemaVersion(fork)
	}
	if err != nil {
		return nil, &ConflictError{What: o.what(), Reasons: []string{"the branch shares no rows with it: it did not begin at a commit of main, but of another branch"}}
	}
	m := &Merged{Base: base, Head: head}
	m.Commit, m.Resolved, err = r.merge(s, merging{
		ours: base, theirs: head, what: o.what(), message: fmt.Sprintf("merge %s into %s", o.Branch, o.Into), resolve: o.Resolve, history: true,
		author: r.by(o.Author),
	})
	if err != nil || m.Commit == "" {
		return m, err
	}
	if m.Changes, err = s.changes(base, m.Commit); err != nil {
		return nil, err
	}
	if m.TestsChanged, err = s.testsChanged(base, m.Commit); err != nil {
		return nil, err
	}
	if o.Tests {
		m.Tests, err = r.runTests(s.ctx, base, m.Commit)
	}
	return m, err
}

// A merging is one merge of a commit into the session's branch.
type merging struct {
	ours, theirs  string // commits; ours is the session's head
	what, message string
	resolve       Side
	history       bool   // theirs was written by people, who can be named
	author        string // as Dolt takes it
}

// merge returns the merge commit, "" when there is nothing to merge, with the
// conflicts that were settled.
func (r *Repo) merge(s *session, m merging) (string, []Conflict, error) {
	// With these the engine leaves conflicts in the scratch branch to be read,
	// and does not only say that there are some. Nothing is committed then.
	for _, variable := range []string{"dolt_allow_commit_conflicts", "dolt_force_transaction_commit"} {
		if err := s.exec("SET @@" + variable + " = 1"); err != nil {
			return "", nil, fmt.Errorf("%s cannot begin: %w", m.what, err)
		}
	}
	merged := s.call("dolt_merge", "--no-ff", "-m", m.message, "--author", m.author, m.theirs)
	if containsAny(merged, "can't be merged", "schema conflict") {
		return "", nil, &ConflictError{What: m.what, Reasons: []string{merged.Error()}}
	}
	clashes, err := s.clashes()
	if err != nil {
		return "", nil, err
	}
	violations, err := s.violations()
	switch {
	case err != nil:
		return "", nil, err
	case len(clashes) > 0:
		return r.decide(s, m, clashes, violations)
	case len(violations) > 0:
		return r.recheck(s, m, violations)
	case merged != nil:
		return "", nil, fmt.Errorf("%s failed, and nothing was changed: %w", m.what, merged)
	}
	after, err := s.value("SELECT dolt_hashof('HEAD')")
	if err != nil || after == m.ours {
		return "", nil, err
	}
	return after, nil, nil
}

// recheck looks again at what a merge noted as broken: it notes it row by row, and
// two rows that swap a unique value break it only on the way.
func (r *Repo) recheck(s *session, m merging, noted []Violation) (string, []Conflict, error) {
	left, err := s.verify()
	if err != nil {
		return "", nil, err
	}
	if len(left) > 0 {
		return "", nil, conflictError(m.what, nil, nil, noted)
	}
	commit, err := s.value("CALL dolt_commit('-A', '--allow-empty', '-m', ?, '--author', ?)", m.message, m.author)
	if err != nil {
		return "", nil, fmt.Errorf("%s cannot be committed, and nothing was changed: %w", m.what, err)
	}
	return commit, nil, nil
}

// decide settles the conflicts, where a side was named, and commits.
func (r *Repo) decide(s *session, m merging, clashes []*clash, violations []Violation) (string, []Conflict, error) {
	conflicts, err := s.describe(m, clashes)
	if err != nil {
		return "", nil, err
	}
	if m.resolve == "" {
		return "", nil, conflictError(m.what, clashes, conflicts, violations)
	}
	if violations, err = s.settle(m, clashes); err != nil {
		return "", nil, fmt.Errorf("%s cannot be settled, and nothing was changed: %w", m.what, err)
	}
	if len(violations) > 0 {
		return "", nil, conflictError(m.what, nil, nil, violations)
	}
	// The merge is recorded also where the settled rows are all our own.
	commit, err := s.value("CALL dolt_commit('-A', '--allow-empty', '-m', ?, '--author', ?)", m.message, m.author)
	if err != nil {
		return "", nil, fmt.Errorf("%s cannot be committed, and nothing was changed: %w", m.what, err)
	}
	return commit, conflicts, nil
}
