package repo

import (
	"context"
	"fmt"
)

// Origin is the first commit of a branch's history. Every copy of a hub has the same,
// and no other hub has it.
func (r *Repo) Origin(ctx context.Context, branch string) (string, error) {
	commit, err := r.Resolve(ctx, branch)
	if err != nil {
		return "", err
	}
	s, err := r.at(ctx, commit)
	if err != nil {
		return "", err
	}
	defer s.close()
	var origin string
	err = s.each(func(_ []string, values []any) error {
		origin = text(values[0])
		return nil
	}, "SELECT commit_hash FROM dolt_log ORDER BY commit_order LIMIT 1")
	if err == nil && origin == "" {
		err = fmt.Errorf("the history of %s has no beginning", branch)
	}
	return origin, err
}
