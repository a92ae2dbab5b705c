package doltserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Program returns the dolt program of a version, or a Problem.
func (s *Server) Program(version string) (string, error) {
	// A version is one path element: nothing of a row may lead elsewhere.
	path := filepath.Join(s.place.Versions, version, "dolt")
	if version != "" && !strings.HasPrefix(version, ".") && !strings.ContainsRune(version, filepath.Separator) && executable(path) {
		return path, nil
	}
	there, err := s.versions()
	if err != nil {
		return "", err
	}
	return "", problem(VersionMissing, "NotInstalled",
		"Dolt %q is not on this machine, which has %s; set dolt_version to one of them or install it as %s",
		version, listed(there), path)
}

// versions lists what can be run here.
func (s *Server) versions() ([]string, error) {
	entries, err := os.ReadDir(s.place.Versions)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the first one that is fetched makes it
	}
	if err != nil {
		return nil, fmt.Errorf("list the versions of Dolt on this machine: %w", err)
	}
	var there []string
	for _, e := range entries {
		// A name that begins with a dot is no version, but one on its way.
		if !strings.HasPrefix(e.Name(), ".") && executable(filepath.Join(s.place.Versions, e.Name(), "dolt")) {
			there = append(there, e.Name())
		}
	}
	return there, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
