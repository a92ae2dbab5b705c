package home

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A Run is what a control plane tells the other commands about itself.
type Run struct {
	PID          int    `json:"pid"`
	Hub          string `json:"hub"`                     // URL of the fleet's repository
	User         string `json:"user,omitempty"`          // of the hub; empty: none is asked for
	PasswordFile string `json:"password_file,omitempty"` // of a hub that is run elsewhere; the embedded one's is a secret
	SQLPort      int    `json:"sql_port,omitempty"`      // of the embedded hub
	HTTP         string `json:"http"`                    // metrics, health and wake
	Config       string `json:"config,omitempty"`        // of mainstay serve: says where secrets are
	Secrets      string `json:"secrets,omitempty"`       // of mainstay up: the secret store's directory
}

// WriteRun states where the control plane is to be found. It stays when the
// control plane ends, so that the commands after it know which hub to ask for.
func (h Home) WriteRun(r Run) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write run.json: %w", err)
	}
	return WriteFile(filepath.Join(h.root, "run.json"), append(data, '\n'))
}

// ErrNoRun: no control plane ever ran in the directory.
var ErrNoRun = errors.New("no fleet was started here")

// ReadRun tells of the last control plane of the directory.
func (h Home) ReadRun() (Run, error) {
	path := filepath.Join(h.root, "run.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Run{}, ErrNoRun
	}
	if err != nil {
		return Run{}, fmt.Errorf("cannot read %s: %w", path, cause(err))
	}
	var r Run
	if err := json.Unmarshal(data, &r); err != nil {
		return Run{}, fmt.Errorf("%s is damaged; remove it and start the control plane again: %w", path, err)
	}
	return r, nil
}

// WriteFile replaces a file whole, readable by its owner alone.
func WriteFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, cause(err))
	}
	defer os.Remove(f.Name()) // after the rename there is nothing of this name
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, cause(err))
	}
	return nil
}
