package local

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Versions lists the releases of Dolt that machines can run, oldest first.
func (c *Cloud) Versions() ([]string, error) {
	entries, err := os.ReadDir(c.opts.VersionsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the directory of Dolt releases %q is not there; run make build, or say where <version>/dolt is found", c.opts.VersionsDir)
	}
	if err != nil {
		return nil, explain(err, "list the Dolt releases in "+c.opts.VersionsDir)
	}
	var versions []string
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(c.opts.VersionsDir, e.Name(), databaseProgram))
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			versions = append(versions, e.Name())
		}
	}
	slices.SortFunc(versions, compareVersions)
	return versions, nil
}

// compareVersions orders by the numbers between the dots, 1.86.4 before 2.2.0
// and 2.9.0 before 2.10.0.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, errX := strconv.Atoi(as[i])
		y, errY := strconv.Atoi(bs[i])
		order := cmp.Compare(x, y)
		if errX != nil || errY != nil {
			order = cmp.Compare(as[i], bs[i])
		}
		if order != 0 {
			return order
		}
	}
	return cmp.Compare(len(as), len(bs))
}
