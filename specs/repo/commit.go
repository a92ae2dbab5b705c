package repo

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// CommitInfo is what is written on a commit.
type CommitInfo struct {
	Hash, Author, Email, Message string
	Date                         time.Time
	Parents                      []string // of a merge: first the branch merged into
}

// Commit reads one commit by its hash. The cost does not grow with the history.
func (r *Repo) Commit(ctx context.Context, hash string) (CommitInfo, error) {
	s, err := r.session(ctx)
	if err != nil {
		return CommitInfo{}, err
	}
	defer s.close()
	return s.commit(hash)
}

func (s *session) commit(hash string) (CommitInfo, error) {
	var info CommitInfo
	if !commitHash.MatchString(hash) {
		return info, fmt.Errorf("%q is not the hash of a commit: %w", hash, ErrUnknownRef)
	}
	err := s.each(func(_ []string, values []any) error {
		info = commitInfo(values)
		return nil
	}, commitColumns+" FROM dolt_log(?, '--parents') LIMIT 1", hash)
	if err != nil {
		if s.ctx.Err() != nil {
			return info, err
		}
		return info, fmt.Errorf("the commit %s is not in the clone; fetch first: %w: %w", hash, ErrUnknownRef, err)
	}
	return info, nil
}

// parentsOf takes the hashes apart that the column parents lists.
func parentsOf(parents string) []string {
	var all []string
	for part := range strings.SplitSeq(parents, ",") {
		if hash := strings.TrimSpace(part); hash != "" {
			all = append(all, hash)
		}
	}
	return all
}
