package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A session is one connection to the engine, used for one operation and then
// thrown away: which branch it is on, and what a cancelled statement left
// behind, goes with it. Opening one costs about 0.1 ms.
type session struct {
	ctx    context.Context // of the operation the session lives for
	conn   *sql.Conn
	broken bool // the engine panicked on it
}

func (r *Repo) session(ctx context.Context) (*session, error) {
	s, err := r.bareSession(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.exec("USE " + database); err != nil {
		s.close()
		return nil, fmt.Errorf("the clone in %s cannot be used; delete the directory to clone anew: %w", r.opts.Dir, err)
	}
	return s, nil
}

// bareSession is a session before there is a database.
func (r *Repo) bareSession(ctx context.Context) (*session, error) {
	ctx = r.link.with(ctx)
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("the clone in %s does not answer: %w", r.opts.Dir, explain(ctx, err))
	}
	return &session{ctx: ctx, conn: conn}, nil
}

// at opens a session that reads one commit.
func (r *Repo) at(ctx context.Context, commit string) (*session, error) {
	s, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.use(commit); err != nil {
		s.close()
		return nil, fmt.Errorf("the commit %s is not in the clone; fetch first: %w", commit, explain(ctx, err))
	}
	return s, nil
}

// close has no error worth telling: a session holds nothing. After a panic in the
// engine database/sql still holds the connection's lock, and Close would wait for
// it for ever; the connection is left to the garbage collector then.
func (s *session) close() {
	if !s.broken {
		_ = s.conn.Close()
	}
}

func (s *session) use(revision string) error {
	return s.exec("USE `" + database + "/" + strings.ReplaceAll(revision, "`", "``") + "`")
}

// exec runs a statement and forgets its result.
func (s *session) exec(statement string, args ...any) error {
	return s.each(func([]string, []any) error { return nil }, statement, args...)
}

// call runs a stored procedure with these arguments.
func (s *session) call(procedure string, args ...any) error {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ")
	return s.exec("CALL "+procedure+"("+marks+")", args...)
}

// each hands every row of the answer to do. The values belong to do until it returns.
func (s *session) each(do func(columns []string, values []any) error, statement string, args ...any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.broken = true
			err = fmt.Errorf("the engine gave up on this statement; write it another way, and report it to the makers of Dolt: %v", p)
		}
	}()
	rows, err := s.conn.QueryContext(s.ctx, interpolate(statement, args))
	if err != nil {
		return explain(s.ctx, err)
	}
	columns, err := rows.Columns()
	if err != nil {
		return errors.Join(err, rows.Close())
	}
	values, pointers := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return errors.Join(err, rows.Close())
		}
		if err := do(columns, values); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	// Close tells of errors too: the engine runs some statements to their end there.
	return explain(s.ctx, errors.Join(rows.Err(), rows.Close()))
}

// value returns the first value of the answer as text; "" when there is none.
func (s *session) value(statement string, args ...any) (string, error) {
	var first string
	err := s.each(func(_ []string, values []any) error {
		if text, ok := textOf(values[0]).(string); ok && first == "" {
			first = text
		}
		return nil
	}, statement, args...)
	return first, err
}

// scratchPrefix begins the names of the branches that operations work on.
const scratchPrefix = "scratch-"

// scratch runs do on a branch of its own that begins at a commit, and drops the
// branch afterwards, so that no failure leaves anything behind.
func (r *Repo) scratch(ctx context.Context, from string, do func(s *session, branch string) error) (err error) {
	s, err := r.session(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	branch := fmt.Sprintf("%s%d", scratchPrefix, r.counter.Add(1))
	if err := s.call("dolt_branch", branch, from); err != nil {
		return fmt.Errorf("no work can begin at %s: %w", from, err)
	}
	defer func() { err = errors.Join(err, r.dropBranch(ctx, branch)) }()
	if err := s.use(branch); err != nil {
		return fmt.Errorf("the scratch branch cannot be used: %w", err)
	}
	return do(s, branch)
}

// dropTimeout bounds the removal of a scratch branch after its operation was
// cancelled. It takes a millisecond; Open removes what stays behind.
const dropTimeout = 5 * time.Second

func (r *Repo) dropBranch(ctx context.Context, branch string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
	defer cancel()
	s, err := r.session(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.call("dolt_branch", "-D", branch); err != nil {
		return fmt.Errorf("the scratch branch %s cannot be dropped: %w", branch, err)
	}
	return nil
}

// dropScratch drops what a process that was killed left.
func (r *Repo) dropScratch(ctx context.Context) error {
	s, err := r.session(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	var left []string
	err = s.each(func(_ []string, values []any) error {
		left = append(left, fmt.Sprint(values[0]))
		return nil
	}, "SELECT name FROM dolt_branches WHERE name LIKE ?", scratchPrefix+"%")
	for _, branch := range left {
		err = errors.Join(err, r.dropBranch(ctx, branch))
	}
	if err != nil {
		return fmt.Errorf("what an earlier process left in %s cannot be cleared; delete the directory to clone anew: %w", r.opts.Dir, err)
	}
	return nil
}

// commit commits all that changed on the session's branch. "": nothing had.
func (r *Repo) commit(s *session, message string) (string, error) {
	return r.commitAs(s, Author{}, message)
}

// by is an author as Dolt takes one; zero: that of Options.
func (r *Repo) by(a Author) string {
	if a == (Author{}) {
		a = r.opts.Author
	}
	return a.String()
}

func (r *Repo) commitAs(s *session, author Author, message string) (string, error) {
	if strings.TrimSpace(message) == "" {
		return "", errors.New("a commit needs a message that says why; give one")
	}
	hash, err := s.value("CALL dolt_commit('-A', '--skip-empty', '-m', ?, '--author', ?)", message, r.by(author))
	if err != nil {
		return "", fmt.Errorf("the change cannot be committed: %w", err)
	}
	return hash, nil
}

// push offers a scratch branch to the hub as the new head of one of its branches.
func (r *Repo) push(s *session, scratch, branch string) error {
	return r.pushSpec(s, branch, scratch+":"+branch)
}

func (r *Repo) pushSpec(s *session, branch, spec string, options ...any) error {
	args := append(options, remote, spec)
	for try := 1; ; try++ {
		err := r.withHub(func() error {
			return r.pushing(func() error { return s.call("dolt_push", args...) })
		})
		if err == nil {
			return nil
		}
		if err = pushError(branch, err); !errors.Is(err, errBusy) || !r.awaitUnlocked(s.ctx) || try == busyTries {
			return err
		}
	}
}
