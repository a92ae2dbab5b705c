package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/webhooks"
)

func newRandomID(string) string { return uuid.NewString() }

// read reads the files as they were and as they are. Paths are below the top of the
// repository, as CI systems name files.
func (o ciOptions) read(ctx context.Context) (before, after []webhooks.File, err error) {
	for _, dir := range []string{o.files, o.baseDir} {
		if dir != "" && !there(dir) {
			return nil, nil, usagef("there is no directory %s; name the one with the files with --files", dir)
		}
	}
	if o.baseDir != "" {
		if before, err = filesBelow(o.baseDir, o.files); err != nil {
			return nil, nil, err
		}
		after, err = filesBelow(o.files, o.files)
		return before, after, err
	}
	if o.base == "" {
		return nil, nil, usagef("what the files were is not known; name the branch that the change is into with --base, such as origin/main, or give --base-dir")
	}
	top, err := gitOutput(ctx, o.files, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, nil, err
	}
	below := strings.TrimSuffix(strings.TrimSpace(top), "/")
	if after, err = filesBelow(o.files, below); err != nil {
		return nil, nil, err
	}
	base, err := gitOutput(ctx, o.files, "merge-base", o.base, "HEAD")
	if err != nil {
		return nil, nil, fmt.Errorf("%w; a clone that has not the whole history cannot tell, so fetch it, in GitHub Actions with fetch-depth: 0", err)
	}
	before, err = filesAt(ctx, o.files, strings.TrimSpace(base), below)
	return before, after, err
}

// filesBelow reads the YAML below a directory, under another name.
func filesBelow(dir, as string) ([]webhooks.File, error) {
	paths, err := yamlBelow(dir)
	if err != nil {
		return nil, err
	}
	var files []webhooks.File
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", p, pathCause(err))
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return nil, err
		}
		files = append(files, webhooks.File{Path: path.Join(filepath.ToSlash(as), filepath.ToSlash(rel)), Content: data})
	}
	return files, nil
}

// filesAt reads the files below a directory of a commit.
func filesAt(ctx context.Context, dir, commit, below string) ([]webhooks.File, error) {
	top, err := gitOutput(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	top = strings.TrimSpace(top)
	args := []string{"archive", "--format=tar", commit}
	if below != "" {
		listed, err := gitOutput(ctx, top, "ls-tree", commit, "--", below)
		if err != nil || listed == "" {
			return nil, err // there was no such directory
		}
		args = append(args, "--", below)
	}
	archive, err := gitOutput(ctx, top, args...)
	if err != nil {
		return nil, err
	}
	var files []webhooks.File
	for r := tar.NewReader(strings.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("what git gives of commit %s cannot be read: %w", commit, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("what git gives of %s cannot be read: %w", h.Name, err)
		}
		files = append(files, webhooks.File{Path: h.Name, Content: data})
	}
}

// gitOutput is what git says in a directory.
func gitOutput(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(errs.String())
		if said == "" {
			said = err.Error()
		}
		return "", fmt.Errorf("git %s says: %s", args[0], said)
	}
	return out.String(), nil
}
