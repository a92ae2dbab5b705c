// Package schema holds the SQL of the fleet's repository: numbered migrations
// of the branch main (what should run), of the branch status (what was seen) and
// of the branch proposals (what is suggested, and who agreed).
//
// A migration is never changed once released; the next number is added. The
// version of a branch is the largest number in its table mainstay_schema.
//
// It does not run anything: package specs/repo does.
package schema

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
)

//go:embed main/*.sql status/*.sql proposals/*.sql
var files embed.FS

// A Branch names one of the branches that have a schema.
type Branch string

// The branches.
const (
	Main      Branch = "main"
	Status    Branch = "status"
	Proposals Branch = "proposals"
)

// A Migration takes a branch from the version before to Version.
type Migration struct {
	Version int
	Name    string // from the file's name, for people
	SQL     string // several statements
}

// Migrations lists a branch's migrations, oldest first, numbered 1, 2, 3, …
func Migrations(b Branch) ([]Migration, error) {
	entries, err := fs.ReadDir(files, string(b))
	if err != nil {
		return nil, fmt.Errorf("there are no migrations for the branch %s: %w", b, err)
	}
	var all []Migration
	for _, e := range entries {
		m, err := read(path.Join(string(b), e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Version < all[j].Version })
	for i, m := range all {
		if m.Version != i+1 {
			return nil, fmt.Errorf("migration %d of %s is missing: the files must be numbered without a gap", i+1, b)
		}
	}
	return all, nil
}

// read parses a name such as main/0001_desired_state.sql.
func read(file string) (Migration, error) {
	number, name, ok := strings.Cut(strings.TrimSuffix(path.Base(file), ".sql"), "_")
	version, err := strconv.Atoi(number)
	if !ok || err != nil {
		return Migration{}, fmt.Errorf("migration file %s must be named NNNN_name.sql", file)
	}
	text, err := files.ReadFile(file)
	if err != nil {
		return Migration{}, fmt.Errorf("reading migration %s: %w", file, err)
	}
	return Migration{Version: version, Name: strings.ReplaceAll(name, "_", " "), SQL: string(text)}, nil
}
