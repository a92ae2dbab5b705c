package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/manifest"
)

// An exporter brings the files of a directory in line with rows. It works everything
// out from what was read before the first file is written.
type exporter struct {
	options exportOptions
	files   []manifestFile // of deployments, that are there
	fleet   []byte         // of the fleet's file; nil: there is none
	below   string         // where new files of deployments go

	doc     exportDoc
	writes  []exported
	removes []string
}

// An exported is a file with its new content.
type exported struct {
	path string
	data []byte
	id   string // of the deployment; empty: it is the fleet's
}

// plan works out what to write.
func (e *exporter) plan(tables manifest.Tables) error {
	deployments, err := deploymentsOf(tables)
	if err != nil {
		return err
	}
	matched := match(deployments, e.files)
	used, targets := map[string]bool{}, map[string]bool{}
	for i, d := range deployments {
		old := matched[i]
		target := filepath.Join(e.below, d.Name+".yaml")
		if old != nil {
			used[old.path] = true
			target = filepath.Join(filepath.Dir(old.path), d.Name+".yaml")
		}
		targets[target] = true
		if err := e.deployment(d, old, target); err != nil {
			return err
		}
	}
	for _, f := range e.files {
		if !used[f.path] && !targets[f.path] {
			e.doc.Gone = append(e.doc.Gone, f.path)
		}
	}
	for _, r := range e.doc.Renamed {
		if !targets[r.From] {
			e.removes = append(e.removes, r.From)
		}
	}
	if e.options.prune && !e.options.check {
		e.doc.Removed = e.doc.Gone
		e.removes = append(e.removes, e.doc.Gone...)
	}
	return e.planFleet(tables)
}

// deploymentsOf reads the rows, by name, with their settings.
func deploymentsOf(tables manifest.Tables) ([]*specs.Deployment, error) {
	snapshot := specs.NewSnapshot()
	for _, table := range []string{specs.TableDeployments, specs.TableSettings} {
		for _, row := range tables[table] {
			key, _ := row["id"].(string)
			if table == specs.TableSettings {
				key = specs.KeyOf(fmt.Sprint(row["deployment"]), fmt.Sprint(row["name"]))
			}
			snapshot.Load(table, key, row)
		}
	}
	var all []*specs.Deployment
	for _, f := range specs.Validate(snapshot) {
		// What cannot be read cannot be written, and a name becomes the name of a file.
		if f.Check == "readable" || f.Check == "name-syntax" || f.Check == "name-unique" {
			return nil, fmt.Errorf("nothing was written, because a row is broken: %s", f)
		}
	}
	for _, d := range snapshot.Deployments {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *specs.Deployment) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// read reads the files that are there. What cannot be read cannot be kept, and is not
// written over.
func (e *exporter) read() error {
	e.below = filepath.Join(e.options.dir, deploymentsDir)
	if there(e.below) {
		paths, err := yamlBelow(e.below)
		if err != nil {
			return err
		}
		if e.files, err = readManifests(paths); err != nil {
			return err
		}
	}
	for _, f := range e.files {
		if f.Deployment == nil {
			return fmt.Errorf("%s says no deployment, and stands among files that do; move it away", f.path)
		}
	}
	path := filepath.Join(e.options.dir, manifest.FleetFile)
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read %s: %w", path, pathCause(err))
	}
	e.fleet = data
	return nil
}

// match finds the file of each deployment: by id, else by name.
func match(deployments []*specs.Deployment, files []manifestFile) []*manifestFile {
	matched := make([]*manifestFile, len(deployments))
	taken := map[string]bool{}
	for _, column := range []string{"id", "name"} {
		by := map[string]*manifestFile{}
		for i, f := range files {
			if v := f.Deployment.Values[column].Text; v != "" && !taken[f.path] && by[v] == nil {
				by[v] = &files[i]
			}
		}
		for i, d := range deployments {
			want := map[string]string{"id": d.ID, "name": d.Name}[column]
			if f := by[want]; f != nil && matched[i] == nil {
				matched[i] = f
				taken[f.path] = true
			}
		}
	}
	return matched
}

func (e *exporter) deployment(d *specs.Deployment, old *manifestFile, target string) error {
	var existing []byte
	if old != nil {
		existing = old.data
	}
	data, err := manifest.Encode(d, existing)
	if err != nil {
		return err
	}
	if old != nil && old.path != target {
		e.doc.Renamed = append(e.doc.Renamed, renamedFile{old.path, target})
		e.writes = append(e.writes, exported{target, data, d.ID})
		return nil
	}
	e.file(exported{target, data, d.ID}, existing)
	return nil
}

// file plans a file, unless it is as it should be.
func (e *exporter) file(f exported, existing []byte) {
	if existing != nil && bytes.Equal(existing, f.data) {
		e.doc.Unchanged++
		return
	}
	e.doc.Written = append(e.doc.Written, f.path)
	e.writes = append(e.writes, f)
}

func (e *exporter) planFleet(tables manifest.Tables) error {
	path := filepath.Join(e.options.dir, manifest.FleetFile)
	if e.fleet != nil {
		if _, faults := manifest.Parse(path, e.fleet); len(faults) > 0 {
			return faulty(faults)
		}
	}
	data, err := manifest.EncodeFleet(tables, e.fleet)
	if err != nil {
		return err
	}
	e.file(exported{path: path, data: data}, e.fleet)
	return nil
}

// write writes all that was planned, each file whole or not at all, and removes
// files last: a failure leaves a file too many and none too few.
func (e *exporter) write() error {
	for _, f := range e.writes {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return fmt.Errorf("cannot make the directory of %s: %w", f.path, pathCause(err))
		}
		mode := fs.FileMode(0o644)
		if info, err := os.Stat(f.path); err == nil {
			mode = info.Mode().Perm()
		}
		if err := replaceFile(f.path, f.data, mode); err != nil {
			return fmt.Errorf("cannot write %s: %w", f.path, pathCause(err))
		}
	}
	for _, path := range e.removes {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("cannot remove %s: %w", path, pathCause(err))
		}
	}
	return nil
}

// replaceFile writes a file whole or not at all. It does not wait for the disk, as
// package durable does: what a power cut takes is exported again, and thousands
// of files would take minutes.
func replaceFile(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing of this name
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
