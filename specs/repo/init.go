package repo

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/schema"
)

// Init makes a fleet on an empty hub: the schema of both branches, and the seed,
// if there is one, as a commit of its own. Everything is made in the clone first;
// main is pushed last, so that a hub with a main has all of it.
func (r *Repo) Init(ctx context.Context, seed string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	root, err := r.root(ctx)
	if err != nil {
		return err
	}
	return r.scratch(ctx, root.status, func(status *session, statusBranch string) error {
		if err := r.migrate(status, schema.Status); err != nil {
			return err
		}
		return r.scratch(ctx, root.main, func(main *session, mainBranch string) error {
			if err := r.migrate(main, schema.Main); err != nil {
				return err
			}
			if err := r.seed(main, seed); err != nil {
				return err
			}
			return r.publishBoth(status, statusBranch, main, mainBranch)
		})
	})
}

func (r *Repo) publishBoth(status *session, statusBranch string, main *session, mainBranch string) error {
	for _, p := range []struct {
		s              *session
		scratch, named string
	}{{status, statusBranch, StatusBranch}, {main, mainBranch, MainBranch}} {
		if err := r.push(p.s, p.scratch, p.named); err != nil {
			if isLost(err) && !errors.Is(err, errBusy) {
				return fmt.Errorf("another process initialised the hub at the same time; use what it made: %w", ErrInitialised)
			}
			return err
		}
	}
	return nil
}

// seed runs the first rows of a fleet and commits them.
func (r *Repo) seed(s *session, seed string) error {
	if seed == "" {
		return nil
	}
	if _, err := s.run(seed); err != nil {
		return fmt.Errorf("the seed cannot be loaded: %w", err)
	}
	_, err := r.commit(s, "seed the fleet")
	return err
}

// roots are where the two branches of a new fleet begin.
type roots struct{ main, status string }

// root looks at the hub and refuses one that has a fleet.
func (r *Repo) root(ctx context.Context) (roots, error) {
	s, err := r.session(ctx)
	if err != nil {
		return roots{}, err
	}
	defer s.close()
	if err := r.fetch(s); err != nil {
		return roots{}, err
	}
	refs, err := s.remoteBranches()
	if err != nil {
		return roots{}, err
	}
	main := refs[MainBranch]
	if main == "" {
		if main, err = s.value("SELECT dolt_hashof('main')"); err != nil {
			return roots{}, fmt.Errorf("the new repository has no first commit; delete %s and try again: %w", r.opts.Dir, err)
		}
	}
	if version, err := s.schemaVersion(main); err == nil {
		return roots{}, fmt.Errorf("the hub %s has schema version %d: %w", r.opts.Hub, version, ErrInitialised)
	} else if !errors.Is(err, ErrNotInitialised) {
		return roots{}, err
	}
	first, err := s.firstCommit(main)
	if err != nil {
		return roots{}, err
	}
	if refs[StatusBranch] != "" { // an earlier Init ended between its two pushes
		return roots{main: main, status: refs[StatusBranch]}, nil
	}
	return roots{main: main, status: first}, nil
}

// firstCommit is the repository's first commit, which is empty.
func (s *session) firstCommit(of string) (string, error) {
	first, next := "", of
	err := s.each(func(_ []string, values []any) error {
		if hash := fmt.Sprint(values[0]); hash == next {
			first, next = hash, firstParent(fmt.Sprint(values[1]))
		}
		return nil
	}, "SELECT commit_hash, parents FROM dolt_log(?, '--parents')", of)
	if err != nil {
		return "", fmt.Errorf("the history of %s cannot be read: %w", of, err)
	}
	return first, nil
}

// migrate brings the session's branch to the newest schema, one commit a migration.
func (r *Repo) migrate(s *session, branch schema.Branch) error {
	have, err := s.schemaVersion("HEAD")
	if err != nil && !errors.Is(err, ErrNotInitialised) {
		return err
	}
	migrations, err := schema.Migrations(branch)
	if err != nil {
		return err
	}
	for _, m := range migrations {
		if m.Version <= have {
			continue
		}
		if _, err := s.run(m.SQL); err != nil {
			return fmt.Errorf("migration %d of %s failed: %w", m.Version, branch, err)
		}
		if err := s.exec("INSERT INTO mainstay_schema (version, name) VALUES (?, ?)", m.Version, m.Name); err != nil {
			return fmt.Errorf("migration %d of %s cannot be recorded: %w", m.Version, branch, err)
		}
		if _, err := r.commit(s, fmt.Sprintf("schema of %s: version %d, %s", branch, m.Version, m.Name)); err != nil {
			return err
		}
	}
	return nil
}

// SchemaVersion is the version of the schema of a branch of the hub as last fetched.
func (r *Repo) SchemaVersion(ctx context.Context, branch string) (int, error) {
	s, err := r.session(ctx)
	if err != nil {
		return 0, err
	}
	defer s.close()
	refs, err := s.remoteBranches()
	if err != nil {
		return 0, err
	}
	if refs[branch] == "" {
		return 0, fmt.Errorf("the hub has no branch %s; run mainstay init: %w", branch, ErrNotInitialised)
	}
	return s.schemaVersion(refs[branch])
}

func (s *session) schemaVersion(commit string) (int, error) {
	text, err := s.value("SELECT max(version) FROM mainstay_schema AS OF ?", commit)
	if err != nil && (containsAny(err, "table not found", "table doesn't exist")) || err == nil && text == "" {
		return 0, fmt.Errorf("there is no schema; run mainstay init: %w", ErrNotInitialised)
	}
	if err != nil {
		return 0, fmt.Errorf("the schema's version cannot be read: %w", err)
	}
	version, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("the schema's version is %q and not a number; correct the table mainstay_schema: %w", text, err)
	}
	return version, nil
}

// CheckSchema compares the hub's schema, as last fetched, with what this program
// knows: nil, ErrNotInitialised, ErrOlderSchema or ErrNewerSchema.
func (r *Repo) CheckSchema(ctx context.Context) error {
	for _, branch := range []schema.Branch{schema.Main, schema.Status} {
		version, err := r.SchemaVersion(ctx, string(branch))
		if err != nil {
			return err
		}
		known, err := knownVersion(branch)
		switch {
		case err != nil:
			return err
		case version > known:
			return fmt.Errorf("the hub's branch %s has schema version %d and this program knows versions up to %d; run a newer mainstay: %w",
				branch, version, known, ErrNewerSchema)
		case version < known:
			return fmt.Errorf("the hub's branch %s has schema version %d and this program needs %d; run mainstay init --migrate: %w",
				branch, version, known, ErrOlderSchema)
		}
	}
	return nil
}

func knownVersion(branch schema.Branch) (int, error) {
	if branch == schema.Main {
		return specs.SchemaVersion, nil
	}
	migrations, err := schema.Migrations(branch)
	return len(migrations), err
}

// Migrate brings both branches of the hub to the newest schema. status goes
// first: a newer main is what makes older programs stop.
func (r *Repo) Migrate(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, branch := range []schema.Branch{schema.Status, schema.Main} {
		if err := r.migrateHub(ctx, branch); err != nil {
			return err
		}
	}
	return nil
}

func (r *Repo) migrateHub(ctx context.Context, branch schema.Branch) error {
	base, err := r.fetchHead(ctx, string(branch))
	if err != nil {
		return err
	}
	return r.scratch(ctx, base, func(s *session, scratch string) error {
		if err := r.migrate(s, branch); err != nil {
			return err
		}
		return r.push(s, scratch, string(branch))
	})
}

// fetchHead fetches and gives the hub's newest commit of a branch, and learns that of
// others.
func (r *Repo) fetchHead(ctx context.Context, branch string, others ...string) (string, error) {
	s, err := r.session(ctx)
	if err != nil {
		return "", err
	}
	defer s.close()
	if err := r.fetchOnly(s, append(others, branch)...); err != nil {
		return "", err
	}
	return s.head(branch)
}
