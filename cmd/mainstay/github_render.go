package main

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/manifest"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/webhooks"
)

// Render implements webhooks.Fleet. It writes what main changed since a commit, and
// leaves all other files as they are: somebody may be changing them on GitHub. With no
// commit it writes whatever differs, and removes nothing.
func (b *bridge) Render(ctx context.Context, dir string, there []webhooks.File, since string) (webhooks.Rendered, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.client
	heads, err := c.FetchHeads(ctx)
	if err != nil {
		return webhooks.Rendered{}, err
	}
	out := webhooks.Rendered{Commit: heads.Main, FromGitHub: since != ""}
	if since == heads.Main {
		return out, nil
	}
	if err := b.whoRenders(ctx, &out, since); err != nil {
		return out, err
	}
	moved, err := c.movedSince(ctx, since, heads.Main)
	if err != nil {
		return out, err
	}
	tables, err := c.Tables(ctx, heads.Main, manifest.TableNames()...)
	if err != nil {
		return out, err
	}
	e, err := asFiles(dir, there, tables)
	if err != nil {
		return out, err
	}
	out.Files, out.Unknown = e.toChange(moved), e.doc.Gone
	return out, nil
}

// whoRenders says who made the newest commit that did not come from GitHub, and why.
func (b *bridge) whoRenders(ctx context.Context, out *webhooks.Rendered, since string) error {
	steps := []string{out.Commit}
	if since != "" {
		all, ok, err := b.client.Steps(ctx, since, out.Commit)
		if err != nil {
			return err
		}
		if ok {
			steps = all
		} else {
			out.FromGitHub = false // another history: nothing is known of its commits
		}
	}
	book, err := b.client.book(ctx)
	if err != nil {
		return err
	}
	told := false
	for _, commit := range slices.Backward(steps) {
		info, err := b.client.Commit(ctx, commit)
		if err != nil {
			return err
		}
		id, _ := proposals.ParseMessage(info.Message)
		if strings.HasPrefix(book.Proposals[id].Branch, branchPrefix) && strings.Contains(info.Message, "\n"+mergedThere) {
			continue
		}
		if out.FromGitHub = false; !told {
			told = true
			out.Author, out.Message = webhooks.Person{Name: info.Author, Email: info.Email}, info.Message
		}
	}
	if !told {
		info, err := b.client.Commit(ctx, out.Commit)
		if err != nil {
			return err
		}
		out.Author, out.Message = webhooks.Person{Name: info.Author, Email: info.Email}, info.Message
	}
	return nil
}

// A moved is what main changed; nil: all of it may have.
type moved struct {
	ids   map[string]bool
	gone  map[string]bool // names and ids of deployments that were deleted
	fleet bool
}

func (c *client) movedSince(ctx context.Context, since, main string) (*moved, error) {
	if since == "" {
		return nil, nil
	}
	if _, ok, err := c.Steps(ctx, since, main); err != nil || !ok {
		return nil, err
	}
	changes, err := c.Changes(ctx, since, main)
	if err != nil {
		return nil, err
	}
	m := &moved{ids: map[string]bool{}, gone: map[string]bool{}}
	for _, id := range touchedIDs(changes) {
		m.ids[id] = true
	}
	for _, change := range changes {
		switch {
		case slices.Contains([]string{specs.TableLimits, specs.TableVersions, specs.TableReviewers}, change.Table):
			m.fleet = true
		case change.Table == specs.TableDeployments && change.To == nil:
			m.gone[change.Key], m.gone[textIn(change.From, "name")] = true, true
		}
	}
	return m, nil
}

// asFiles works out which files would have to change. What people wrote in them stays.
func asFiles(dir string, there []webhooks.File, tables manifest.Tables) (*exporter, error) {
	e := &exporter{options: exportOptions{dir: dir, prune: true}}
	deployments := map[string]int{} // by folder
	var faults []manifest.Fault
	for p, content := range yamlIn(there) {
		f, wrong := manifest.Parse(p, content)
		if faults = append(faults, wrong...); len(wrong) > 0 {
			continue
		}
		if f.Fleet != nil {
			if p == path.Join(dir, manifest.FleetFile) {
				e.fleet = content
			}
			continue
		}
		e.files = append(e.files, manifestFile{f, p, content})
		deployments[path.Dir(p)]++
	}
	if len(faults) > 0 {
		manifest.SortFaults(faults)
		return nil, faults[0]
	}
	slices.SortFunc(e.files, func(a, b manifestFile) int { return strings.Compare(a.path, b.path) })
	e.below = mostUsed(deployments, path.Join(dir, deploymentsDir))
	return e, e.plan(tables)
}

// mostUsed is the folder with the most files: new ones go beside them.
func mostUsed(folders map[string]int, otherwise string) string {
	most := 0
	for folder, n := range folders {
		if n > most || n == most && folder < otherwise {
			most, otherwise = n, folder
		}
	}
	return otherwise
}

// toChange leaves of a plan what main changed.
func (e *exporter) toChange(m *moved) []webhooks.File {
	var files []webhooks.File
	for _, w := range e.writes {
		if m == nil || m.ids[w.id] || w.id == "" && m.fleet {
			files = append(files, webhooks.File{Path: w.path, Content: w.data})
		}
	}
	byPath := map[string]manifestFile{}
	for _, f := range e.files {
		byPath[f.path] = f
	}
	renamed := map[string]bool{}
	for _, r := range e.doc.Renamed {
		renamed[r.From] = true
	}
	for _, p := range e.removes {
		d := byPath[p].Deployment
		id, name := d.Values["id"].Text, d.Values["name"].Text
		switch {
		case renamed[p] && (m == nil || m.ids[id] || id == ""), m != nil && (m.gone[id] || id == "" && m.gone[name]):
			files = append(files, webhooks.File{Path: p})
		}
	}
	return files
}
