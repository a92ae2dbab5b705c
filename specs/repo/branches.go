package repo

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A Branch is a branch of the hub with its newest commit.
type Branch struct {
	Name    string
	Commit  string
	Author  string
	Date    time.Time
	Message string
}

// Branches lists the hub's branches, by name, after a fetch.
func (r *Repo) Branches(ctx context.Context) ([]Branch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := r.fetch(s); err != nil {
		return nil, err
	}
	var branches []Branch
	err = s.each(func(_ []string, values []any) error {
		date, _ := values[3].(time.Time)
		branches = append(branches, Branch{
			Name:   strings.TrimPrefix(fmt.Sprint(values[0]), "remotes/"+remote+"/"),
			Commit: fmt.Sprint(values[1]), Author: fmt.Sprint(values[2]), Date: date, Message: fmt.Sprint(values[4]),
		})
		return nil
	}, "SELECT name, hash, latest_author, latest_commit_date, latest_commit_message FROM dolt_remote_branches ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("the hub's branches cannot be listed: %w", err)
	}
	return branches, nil
}

// CreateBranch makes a branch on the hub that begins at a reference.
func (r *Repo) CreateBranch(ctx context.Context, name, from string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return again(ctx, func() error { return r.createBranch(ctx, name, from) })
}

func (r *Repo) createBranch(ctx context.Context, name, from string) error {
	s, err := r.session(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := r.fetch(s); err != nil {
		return err
	}
	refs, err := s.remoteBranches()
	if err != nil {
		return err
	}
	if refs[name] != "" {
		return branchExists(name)
	}
	commit, err := s.resolve(from)
	if err != nil {
		return err
	}
	return r.scratch(ctx, commit, func(s *session, scratch string) error { return r.push(s, scratch, name) })
}

func branchExists(name string) error {
	return fmt.Errorf("the hub has a branch %s; choose another name, or delete it first: %w", name, ErrBranchExists)
}

// DeleteBranch deletes a branch of the hub. Its commits that are on no other
// branch go with it.
func (r *Repo) DeleteBranch(ctx context.Context, name string) error {
	if name == MainBranch || name == StatusBranch || name == ProposalsBranch {
		return fmt.Errorf("the branch %s cannot be deleted, because the fleet lives on it: %w", name, ErrProtectedBranch)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.fetchHead(ctx, name); err != nil {
		return err
	}
	s, err := r.session(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	return r.pushSpec(s, name, ":"+name)
}
