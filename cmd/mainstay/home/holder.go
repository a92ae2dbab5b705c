package home

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Holder names the control plane of this directory: the same after a restart,
// and another one for every other directory.
func (h Home) Holder() (string, error) {
	path := filepath.Join(h.root, "holder")
	data, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("cannot read this control plane's name in %s: %w", path, cause(err))
	}
	host, err := os.Hostname()
	if err != nil {
		host = "control-plane"
	}
	// The host is for people; ten random characters are what tells two apart.
	name := host + "-" + strings.ToLower(rand.Text()[:10])
	return name, WriteFile(path, []byte(name+"\n"))
}
