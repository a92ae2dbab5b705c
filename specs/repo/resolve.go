package repo

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	commitHash = regexp.MustCompile(`^[0-9a-v]{32}$`)
	shortHash  = regexp.MustCompile(`^[0-9a-v]{6,31}$`)
	ancestor   = regexp.MustCompile(`^(.+?)([~^][~^0-9]*)$`)
)

// Resolve finds the commit that a reference means: a branch of the hub, a tag, a
// commit's hash, any of these with ~n, or a time such as 2026-11-22T10:00:00Z,
// which means the newest commit of main that is not after it. It does not fetch.
func (r *Repo) Resolve(ctx context.Context, ref string) (string, error) {
	s, err := r.session(ctx)
	if err != nil {
		return "", err
	}
	defer s.close()
	return s.resolve(ref)
}

func (s *session) resolve(ref string) (string, error) {
	refs, err := s.remoteBranches()
	if err != nil {
		return "", err
	}
	if ref == "" {
		return "", fmt.Errorf("no branch, commit or time was named: %w", ErrUnknownRef)
	}
	if hash := refs[ref]; hash != "" {
		return hash, nil
	}
	if at, err := time.Parse(time.RFC3339, ref); err == nil {
		return s.atTime(at, refs)
	}
	base, steps := ref, ""
	if m := ancestor.FindStringSubmatch(ref); m != nil {
		base, steps = m[1], m[2]
	}
	if hash := refs[base]; hash != "" {
		base = hash
	} else if tag, err := s.value("SELECT tag_hash FROM dolt_tags WHERE tag_name = ?", base); err == nil && tag != "" {
		base = tag
	} else if shortHash.MatchString(base) {
		if base, err = s.longHash(base, refs); err != nil {
			return "", err
		}
	}
	if !commitHash.MatchString(base) {
		return "", unknownRef(ref, refs)
	}
	hash, err := s.value("SELECT dolt_hashof(?)", base+steps)
	if err != nil {
		if s.ctx.Err() != nil {
			return "", err
		}
		return "", unknownRef(ref, refs)
	}
	return hash, nil
}

// longHash finds the one commit of the hub's branches whose hash begins so: people are
// shown eight characters. It gives back what it was given where there is none. It
// reads the history, which whole hashes need not.
func (s *session) longHash(short string, refs map[string]string) (string, error) {
	found := map[string]bool{}
	for _, head := range refs {
		hashes, err := s.column("SELECT commit_hash FROM dolt_log(?) WHERE left(commit_hash, ?) = ?", head, len(short), short)
		if err != nil {
			return "", fmt.Errorf("the commits cannot be listed: %w", err)
		}
		for _, hash := range hashes {
			found[hash] = true
		}
	}
	if len(found) > 1 {
		return "", fmt.Errorf("%d commits begin with %s; write more of the hash: %w", len(found), short, ErrUnknownRef)
	}
	for hash := range found {
		return hash, nil
	}
	return short, nil
}

// atTime walks main's first parents back to the first commit not after a time.
func (s *session) atTime(at time.Time, refs map[string]string) (string, error) {
	next, found := refs[MainBranch], ""
	stop := fmt.Errorf("found")
	err := s.each(func(_ []string, values []any) error {
		hash := fmt.Sprint(values[0])
		if hash != next {
			return nil
		}
		if date, ok := values[2].(time.Time); ok && !date.After(at) {
			found = hash
			return stop
		}
		next = firstParent(fmt.Sprint(values[1]))
		return nil
	}, "SELECT commit_hash, parents, date FROM dolt_log(?, '--parents')", next)
	switch {
	case found != "":
		return found, nil
	case err != nil:
		return "", fmt.Errorf("the history of main cannot be read: %w", err)
	}
	return "", fmt.Errorf("main has no commit as old as %s; choose a later time: %w", at.Format(time.RFC3339), ErrUnknownRef)
}

// unknownRef names what there is, because most wrong names are slips.
func unknownRef(ref string, refs map[string]string) error {
	const most = 12 // enough to see a slip, few enough to read
	names := slices.Sorted(maps.Keys(refs))
	if len(names) > most {
		names = append(names[:most], "…")
	}
	there := "it has none yet"
	if len(names) > 0 {
		there = "its branches are " + strings.Join(names, ", ")
	}
	return fmt.Errorf("the hub has no branch, tag or commit %q (%s); a time is written as 2026-11-22T10:00:00Z: %w", ref, there, ErrUnknownRef)
}

// firstParent takes the first of the hashes that the column parents lists.
func firstParent(parents string) string {
	first, _, _ := strings.Cut(parents, ",")
	return strings.TrimSpace(first)
}

func reverse(s []string) { slices.Reverse(s) }
