package repo

import (
	"context"
	"fmt"
)

// Heads are the hub's newest commits of the fleet's branches; empty where the hub
// has no such branch.
type Heads struct{ Main, Status, Proposals string }

// Fetch learns the hub's newest commits on all branches. With nothing new it costs a
// quarter of a millisecond for each branch.
func (r *Repo) Fetch(ctx context.Context) (Heads, error) { return r.heads(ctx, r.fetch) }

// FetchHeads is Fetch of the fleet's own branches and some others alone, whose cost does
// not grow with the branches of all. One that the hub does not have is forgotten here.
func (r *Repo) FetchHeads(ctx context.Context, others ...string) (Heads, error) {
	return r.heads(ctx, func(s *session) error {
		return r.fetchOnly(s, append([]string{MainBranch, StatusBranch, ProposalsBranch}, others...)...)
	})
}

func (r *Repo) heads(ctx context.Context, fetch func(*session) error) (Heads, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.session(ctx)
	if err != nil {
		return Heads{}, err
	}
	defer s.close()
	if err := fetch(s); err != nil {
		return Heads{}, err
	}
	refs, err := s.remoteBranches()
	if err != nil {
		return Heads{}, err
	}
	return Heads{Main: refs[MainBranch], Status: refs[StatusBranch], Proposals: refs[ProposalsBranch]}, nil
}

func (r *Repo) fetch(s *session) error {
	err := r.withHub(func() error { return s.call("dolt_fetch", "--prune", remote) })
	if err != nil {
		return fmt.Errorf("the hub %s does not answer; check that it runs and is reachable: %w", r.opts.Hub, err)
	}
	return nil
}

// fetchOnly is fetch of some branches, or of all where one of them was not there when
// it was fetched last. The engine writes down where each branch is, moved or not, and a
// hub can have hundreds.
func (r *Repo) fetchOnly(s *session, branches ...string) error {
	known, err := s.remoteBranches()
	if err != nil {
		return err
	}
	args := []any{remote}
	for _, branch := range branches {
		if known[branch] == "" {
			return r.fetch(s)
		}
		args = append(args, "refs/heads/"+branch+":refs/remotes/"+remote+"/"+branch)
	}
	err = r.withHub(func() error { return s.call("dolt_fetch", args...) })
	if containsAny(err, "invalid ref spec", "no branches found") {
		return r.fetch(s) // one is not there any more
	}
	if err != nil {
		return fmt.Errorf("the hub %s does not answer; check that it runs and is reachable: %w", r.opts.Hub, err)
	}
	return nil
}

// remoteBranches lists the hub's branches as last fetched, with their commits.
func (s *session) remoteBranches() (map[string]string, error) {
	const prefix = "remotes/" + remote + "/"
	refs := map[string]string{}
	err := s.each(func(_ []string, values []any) error {
		if name := fmt.Sprint(values[0]); len(name) > len(prefix) {
			refs[name[len(prefix):]] = fmt.Sprint(values[1])
		}
		return nil
	}, "SELECT name, hash FROM dolt_remote_branches")
	if err != nil {
		return nil, fmt.Errorf("the branches of the clone cannot be listed: %w", err)
	}
	return refs, nil
}

// head is the hub's newest commit of a branch as last fetched.
func (s *session) head(branch string) (string, error) {
	refs, err := s.remoteBranches()
	if err != nil {
		return "", err
	}
	if refs[branch] == "" {
		return "", unknownRef(branch, refs)
	}
	return refs[branch], nil
}

// Steps lists the commits after from up to to along first parents, oldest first.
// ok is false when from is not among to's first parents.
func (r *Repo) Steps(ctx context.Context, from, to string) (commits []string, ok bool, err error) {
	if from == to {
		return nil, true, nil
	}
	s, err := r.at(ctx, to)
	if err != nil {
		return nil, false, err
	}
	defer s.close()
	if known, err := s.value("SELECT commit_hash FROM dolt_log(?) LIMIT 1", from); err != nil || known == "" {
		return nil, false, ctx.Err() // the hub was replaced: from is of another history
	}
	parents := map[string]string{}
	err = s.each(func(_ []string, values []any) error {
		parents[fmt.Sprint(values[0])] = firstParent(fmt.Sprint(values[1]))
		return nil
	}, "SELECT commit_hash, parents FROM dolt_log(?, '--parents')", from+".."+to)
	if err != nil {
		return nil, false, fmt.Errorf("the history between %s and %s cannot be read: %w", from, to, err)
	}
	at := to
	for {
		parent, within := parents[at]
		if !within {
			break
		}
		commits = append(commits, at)
		at = parent
	}
	if at != from {
		return nil, false, nil
	}
	reverse(commits)
	return commits, true, nil
}
