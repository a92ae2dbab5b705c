package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// What callers tell apart.
var (
	// ErrLocked: another process uses the directory.
	ErrLocked = errors.New("the directory is in use")
	// ErrLost: another process pushed first.
	ErrLost = errors.New("another process pushed first")
	// ErrUnknownRef: no branch, tag, commit or time that is known.
	ErrUnknownRef = errors.New("unknown reference")
	// ErrInitialised: the hub has a fleet already.
	ErrInitialised = errors.New("the hub holds a fleet already")
	// ErrNotInitialised: the hub has no fleet yet.
	ErrNotInitialised = errors.New("the hub holds no fleet yet")
	// ErrNewerSchema: the hub's schema is from a newer program.
	ErrNewerSchema = errors.New("the hub's schema is newer than this program")
	// ErrOlderSchema: the hub's schema needs a migration.
	ErrOlderSchema = errors.New("the hub's schema is older than this program")
	// ErrBranchExists and ErrProtectedBranch are about names of branches.
	ErrBranchExists    = errors.New("the branch exists already")
	ErrProtectedBranch = errors.New("the branch belongs to the fleet")
	// ErrSchemaStep: what should be undone changed the schema, which only goes forward.
	ErrSchemaStep = errors.New("a change of the schema is not undone")
	// ErrReadOnly: a statement that writes was given where only reading is done.
	ErrReadOnly = errors.New("only statements that read are run here")
)

// A DirtyHubError says that the hub refuses pushes to a branch, because someone's
// SQL session on the hub left rows there that are not committed.
type DirtyHubError struct{ Branch string }

func (e *DirtyHubError) Error() string {
	return fmt.Sprintf("someone left uncommitted rows on the hub's branch %[1]s, and it takes no push until they are gone; "+
		"in a SQL session on the hub, on the branch %[1]s, look at them with SELECT * FROM dolt_status, and then keep them with "+
		"CALL dolt_commit('-Am', 'why') or drop them with CALL dolt_reset('--hard')", e.Branch)
}

// A StatementError says which statement of several failed. Dolt's own words are
// in Err.
type StatementError struct {
	Number    int // from 1
	Statement string
	Err       error
}

func (e *StatementError) Error() string {
	return fmt.Sprintf("statement %d failed, and nothing was changed: %v (in: %s)", e.Number, e.Err, shorten(e.Statement))
}

func (e *StatementError) Unwrap() error { return e.Err }

// explain gives an error of the engine its cause back: the driver turns all
// errors, that of the context too, into text.
func explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// errBusy is a hub of files that stays locked. It counts as lost: nothing was pushed.
var errBusy = fmt.Errorf("others write to the hub at this moment, and nothing was pushed; try again: %w", ErrLost)

// pushError tells the two refusals of a push from a failure.
func pushError(branch string, err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "target has uncommitted changes"):
		return &DirtyHubError{Branch: branch}
	case strings.Contains(text, "failed to push some refs"), strings.Contains(text, "fast forward"),
		strings.Contains(text, "non-fast-forward"), strings.Contains(text, "behind its remote counterpart"),
		strings.Contains(text, "optimistic lock"):
		return fmt.Errorf("the hub's branch %s moved; fetch and try again: %w", branch, ErrLost)
	case strings.Contains(text, "timed out reading database manifest"):
		// A hub of files waits a tenth of a second for its lock, and takes it before it
		// changes anything.
		return errBusy
	}
	return fmt.Errorf("the push to the hub's branch %s failed; check that the hub is reachable and lets this user write: %w", branch, err)
}

func shorten(statement string) string {
	const most = 80 // fits a line of a terminal beside the message
	line := strings.Join(strings.Fields(statement), " ")
	if runes := []rune(line); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return line
}
