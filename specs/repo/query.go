package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Query runs one statement that reads, on the commit that a reference means.
func (r *Repo) Query(ctx context.Context, ref, text string) (*Result, error) {
	commit, err := r.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	statements, err := split(ctx, text)
	switch {
	case err != nil:
		return nil, err
	case len(statements) != 1:
		return nil, fmt.Errorf("one statement is wanted and there are %d", len(statements))
	}
	if err := refuseWrites(statements[0].parsed); err != nil {
		return nil, fmt.Errorf("%s would change something; run it with a message, so that it becomes a commit: %w", shorten(text), err)
	}
	s, err := r.at(ctx, commit)
	if err != nil {
		return nil, err
	}
	defer s.close()
	result, err := s.result(statements[0].text)
	if err != nil {
		return nil, &StatementError{Number: 1, Statement: statements[0].text, Err: err}
	}
	return result, nil
}

// ReadsOnly says whether text is made of statements that only read, so that a
// caller can choose between Query and Change.
func ReadsOnly(ctx context.Context, text string) (bool, error) {
	statements, err := split(ctx, text)
	if err != nil {
		return false, err
	}
	for _, st := range statements {
		if refuseWrites(st.parsed) != nil {
			return false, nil
		}
	}
	return true, nil
}

// shown is textOf for people: a time without a fraction is shown without one.
func shown(v any) any {
	if t, ok := v.(time.Time); ok {
		return strings.TrimSuffix(timeText(t), ".000000")
	}
	return textOf(v)
}

func containsAny(err error, parts ...string) bool {
	for _, part := range parts {
		if err != nil && strings.Contains(err.Error(), part) {
			return true
		}
	}
	return false
}

// isLost tells a lost race from a failure.
func isLost(err error) bool { return errors.Is(err, ErrLost) }
