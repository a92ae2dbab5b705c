package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/specs/manifest"
)

// deploymentsDir is where export writes the files of deployments.
const deploymentsDir = "deployments"

// manifestPaths lists the files that an argument means: a file itself; of a
// directory fleet.yaml and all YAML below deployments/, or, where it has neither,
// all YAML below itself.
func manifestPaths(arg string) ([]string, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return nil, usagef("there is no file or directory %s: %w", arg, pathCause(err))
	}
	if !info.IsDir() {
		return []string{filepath.Clean(arg)}, nil
	}
	var paths []string
	if there(filepath.Join(arg, manifest.FleetFile)) {
		paths = append(paths, filepath.Join(arg, manifest.FleetFile))
	}
	below := filepath.Join(arg, deploymentsDir)
	switch {
	case there(below):
	case len(paths) > 0:
		return paths, nil
	default:
		below = arg
	}
	more, err := yamlBelow(below)
	return append(paths, more...), err
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// yamlBelow finds YAML files, and leaves what is hidden alone.
func yamlBelow(dir string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.IsDir() && slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)):
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the files below %s cannot be listed; check who may read it: %w", dir, err)
	}
	return paths, nil
}

// A manifestFile is a file as it was read.
type manifestFile struct {
	*manifest.File
	path string
	data []byte
}

// readManifests reads and parses files. Every fault of every file is in the error.
func readManifests(paths []string) ([]manifestFile, error) {
	var files []manifestFile
	var faults []manifest.Fault
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", path, pathCause(err))
		}
		file, wrong := manifest.Parse(path, data)
		faults = append(faults, wrong...)
		files = append(files, manifestFile{file, path, data})
	}
	return files, faulty(faults)
}

// A faultsError is what is wrong with files: a line for each fault, so that
// editors find them.
type faultsError struct{ faults []manifest.Fault }

func (e *faultsError) Error() string {
	files := map[string]bool{}
	for _, f := range e.faults {
		files[f.File] = true
	}
	return fmt.Sprintf("nothing was changed, as there %s in %s; mend what is listed above and try again",
		countOf(len(e.faults), "is %d fault", "are %d faults"), countOf(len(files), "%d file", "%d files"))
}

func faulty(faults []manifest.Fault) error {
	if len(faults) == 0 {
		return nil
	}
	return &faultsError{faults}
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf(one, n)
	}
	return fmt.Sprintf(many, n)
}

// tellFaults prints the lines of a faultsError; run prints the sentence.
func (a *app) tellFaults(err error) error {
	var faults *faultsError
	if errors.As(err, &faults) {
		for _, f := range faults.faults {
			fmt.Fprintln(a.stderr, render.Visible(f.String()))
		}
	}
	return err
}

// pathCause drops what an error repeats of a path.
func pathCause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
