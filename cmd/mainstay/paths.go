package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// agentBinary is the program for machines, which is installed beside this one.
func agentBinary() (string, error) {
	self, err := executable()
	if err != nil {
		return "", err
	}
	agent := filepath.Join(filepath.Dir(self), "mainstay-agent")
	if err := runnable(agent); err != nil {
		return "", fmt.Errorf("the program for machines is not beside this one; make build puts both in build/bin: %w", err)
	}
	return agent, nil
}

// executable is this program's own file, through links.
func executable() (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", fmt.Errorf("cannot find this program's own file; start it by its full path: %w", err)
	}
	return self, nil
}

// versionsDir is the directory that holds <version>/dolt: the one named, or dolt
// beside the directory of this program.
func versionsDir(named string) (string, error) {
	dir := named
	if dir == "" {
		self, err := executable()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(filepath.Dir(filepath.Dir(self)), "dolt")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("%s has no absolute path: %w", named, err)
	}
	versions, err := installed(dir)
	if err != nil {
		return "", err
	}
	if len(versions) == 0 {
		return "", fmt.Errorf("there is no <version>/dolt in %s; run make build, or name a directory that has it with --versions-dir", dir)
	}
	return dir, nil
}

// newestDolt is the newest release in the directory: the hub is ours, so it runs
// with the best there is.
func newestDolt(dir string) (string, error) {
	versions, err := installed(dir)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, slices.MaxFunc(versions, compareVersions), "dolt"), nil
}

func installed(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("there are no Dolt releases to run; run make build, or name a directory that holds <version>/dolt with --versions-dir: %w", err)
	}
	var versions []string
	for _, e := range entries {
		if runnable(filepath.Join(dir, e.Name(), "dolt")) == nil {
			versions = append(versions, e.Name())
		}
	}
	return versions, nil
}

func runnable(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s cannot be executed", file)
	}
	return nil
}

// compareVersions orders releases by their numbers: 2.10.0 is after 2.9.1.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}
