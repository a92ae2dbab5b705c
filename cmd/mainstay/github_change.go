package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/manifest"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/mainstaydb/mainstay/webhooks"
)

// A filed is a change of files: those that differ, as they were and as they are to be.
type filed struct {
	old, files []*manifest.File
	faults     []manifest.Fault // of the new ones
	digest     string           // of all that differs
}

// fileChange reads what differs between two states of the files. An old file that
// cannot be read says nothing: what is there by now is compared with the new one.
func fileChange(base, head []webhooks.File) filed {
	var c filed
	sum := sha256.New()
	before, after := yamlIn(base), yamlIn(head)
	for _, p := range sortedPaths(before, after) {
		was, is := before[p], after[p]
		if was != nil && is != nil && bytes.Equal(was, is) {
			continue
		}
		fmt.Fprintf(sum, "%q %q %q\n", p, was, is)
		if was != nil {
			if f, faults := manifest.Parse(p, was); len(faults) == 0 {
				c.old = append(c.old, f)
			}
		}
		if is != nil {
			f, faults := manifest.Parse(p, is)
			c.faults = append(c.faults, faults...)
			c.files = append(c.files, f)
		}
	}
	c.digest = hex.EncodeToString(sum.Sum(nil)[:16])
	return c
}

// yamlIn are the files that say rows: YAML that is not hidden.
func yamlIn(files []webhooks.File) map[string][]byte {
	all := map[string][]byte{}
	for _, f := range files {
		if slices.Contains([]string{".yaml", ".yml"}, path.Ext(f.Path)) && !strings.HasPrefix(path.Base(f.Path), ".") {
			all[f.Path] = f.Content
			if f.Content == nil {
				all[f.Path] = []byte{}
			}
		}
	}
	return all
}

func sortedPaths(maps ...map[string][]byte) []string {
	var paths []string
	for _, m := range maps {
		for p := range m {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// tables reads what of the rows at a commit a change of files is about.
func (c *client) tables(ctx context.Context, commit string, f filed) (manifest.Tables, error) {
	var ids, names []string
	fleet := false
	for _, file := range slices.Concat(f.old, f.files) {
		if file.Fleet != nil {
			fleet = true
			continue
		}
		for column, into := range map[string]*[]string{"id": &ids, "name": &names} {
			if v := file.Deployment.Values[column].Text; v != "" {
				*into = append(*into, v)
			}
		}
	}
	all := manifest.Tables{}
	seen := map[string]bool{}
	for column, values := range map[string][]string{"id": ids, "name": names} {
		rows, err := c.Rows(ctx, commit, specs.TableDeployments, column, values)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if id := textIn(row, "id"); !seen[id] {
				seen[id] = true
				all[specs.TableDeployments] = append(all[specs.TableDeployments], row)
			}
		}
	}
	found := make([]string, 0, len(seen))
	for id := range seen {
		found = append(found, id)
	}
	var err error
	if all[specs.TableSettings], err = c.Rows(ctx, commit, specs.TableSettings, "deployment", found); err != nil || !fleet {
		return all, err
	}
	lists, err := c.Tables(ctx, commit, specs.TableLimits, specs.TableVersions, specs.TableReviewers)
	for table, rows := range lists {
		all[table] = rows
	}
	return all, err
}

// deepest bounds how far back in main a commit is looked for that a change fits on.
// A pull request that is older is brought up to date by its author.
const deepest = 100

// A carried is a change of files as rows on a commit of main.
type carried struct {
	*manifest.Carried
	on string
}

// carry finds the newest commit of main that a change goes onto without conflict, so
// that a merge into main shows what main changed since. Where there is none it is the
// newest, with the conflicts.
func (c *client) carry(ctx context.Context, f filed, newID func(string) string) (carried, []manifest.Fault, error) {
	main, err := c.Resolve(ctx, repo.MainBranch)
	if err != nil {
		return carried{}, nil, err
	}
	newest := carried{}
	for at, steps := main, 0; at != "" && steps < deepest; steps++ {
		rows, err := c.tables(ctx, at, f)
		if err != nil {
			return carried{}, nil, err
		}
		done, faults := manifest.Carry(rows, f.old, f.files, newID)
		if len(faults) > 0 {
			if newest.Carried != nil {
				break // an older main with other ids
			}
			return carried{}, faults, nil
		}
		if len(done.Conflicts) == 0 {
			return carried{done, at}, nil, nil
		}
		if newest.Carried == nil {
			newest = carried{done, at}
		}
		info, err := c.Commit(ctx, at)
		if err != nil {
			return carried{}, nil, err
		}
		at = ""
		if len(info.Parents) > 0 {
			at = info.Parents[0]
		}
	}
	return newest, nil, nil
}

// The last lines of the commit that a pull request is brought to the fleet with.
const (
	pullTrailer   = "Pull-Request: "
	headTrailer   = "Pull-Request-Head: "
	changeTrailer = "Pull-Request-Change: "
)

// draftMessage is that of the commit which holds a pull request's change.
func (b *bridge) draftMessage(p webhooks.Proposal, digest string) string {
	text := cmp.Or(oneLine(p.Title), "a change without a title") + "\n\n" + oneLine(p.URL) + "\n\n"
	if p.Reverts != 0 {
		text += fmt.Sprintf("This takes back pull request %d.\n\n", p.Reverts)
	}
	return text + fmt.Sprintf("%s%s#%d\n%s%s\n%s%s", pullTrailer, b.repository, p.Number, headTrailer, p.Head, changeTrailer, digest)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// idSpace is a random namespace of its own: ids of what a pull request adds are made
// of its number and the name, so that judging it again finds the same.
var idSpace = uuid.MustParse("0d6cf2a5-7a3c-4d4b-9d2f-1a2f4b6c8e31")

// newIDs gives the ids of deployments that a pull request adds. One that takes
// another back gives those back that the other deleted, with their volumes.
func (b *bridge) newIDs(ctx context.Context, p webhooks.Proposal) (func(string) string, error) {
	gone, err := b.deletedBy(ctx, p.Reverts)
	if err != nil {
		return nil, err
	}
	return func(name string) string {
		if id := gone[name]; id != "" {
			return id
		}
		return uuid.NewSHA1(idSpace, fmt.Appendf(nil, "%s#%d %s", strings.ToLower(b.repository.String()), p.Number, name)).String()
	}, nil
}

// deletedBy are the ids of the deployments that a merged pull request deleted, by name.
func (b *bridge) deletedBy(ctx context.Context, number int) (map[string]string, error) {
	if number == 0 {
		return nil, nil
	}
	book, err := b.client.book(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range book.List() {
		if p.Branch == pullBranch(number) && p.MergedCommit != "" {
			return b.client.deletedIn(ctx, p.MergedCommit)
		}
	}
	return nil, nil // it was merged before we came
}

func (c *client) deletedIn(ctx context.Context, commit string) (map[string]string, error) {
	info, err := c.Commit(ctx, commit)
	if err != nil || len(info.Parents) == 0 {
		return nil, err
	}
	changes, err := c.Changes(ctx, info.Parents[0], commit)
	if err != nil {
		return nil, err
	}
	gone := map[string]string{}
	for _, change := range changes {
		if change.Table == specs.TableDeployments && change.To == nil {
			gone[textIn(change.From, "name")] = change.Key
		}
	}
	return gone, nil
}

// A drafted is a commit of the clone, or why there can be none.
type drafted struct {
	commit string
	review *webhooks.Review
}

// draftOrRefuse makes the commit of a carried change in the clone. What the engine
// does not take is told as the findings about it.
func (c *client) draftOrRefuse(ctx context.Context, done carried, d repo.Draft) (drafted, error) {
	// One transaction: by itself each statement would write the working set.
	d.From, d.Statements = done.on, "SET @@autocommit = 0;\n"+manifest.Statements(done.Changes)
	commit, err := c.Draft(ctx, d)
	var statement *repo.StatementError
	if errors.As(err, &statement) {
		r, err := c.refusedRows(ctx, done, err)
		return drafted{review: &r}, err
	}
	return drafted{commit: commit}, err
}
