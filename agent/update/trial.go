package update

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mainstaydb/mainstay/agent/durable"
)

// A trial is update.json: a new program that has not served yet, or the last one
// that was taken back. Agents of different versions read it: fields are only added.
type trial struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"`  // of what was fetched
	Program string `json:"program"` // SHA-256 of the program itself
	From    string `json:"from"`    // version before
	Starts  int    `json:"starts"`
	Failed  bool   `json:"failed,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// trials is where it is kept.
type trials struct{ file string }

func inDir(dir string) trials { return trials{filepath.Join(dir, "update.json")} }

// read returns the zero trial when there is none.
func (t trials) read() (trial, error) {
	data, err := os.ReadFile(t.file)
	if errors.Is(err, os.ErrNotExist) {
		return trial{}, nil
	}
	var last trial
	if err == nil {
		err = json.Unmarshal(data, &last)
	}
	if err != nil {
		return trial{}, fmt.Errorf("read %s, which tells of the agent's last update; if it is damaged, remove it: %w", t.file, err)
	}
	return last, nil
}

func (t trials) write(last trial) error {
	data, err := json.Marshal(last)
	if err == nil {
		err = durable.WriteFile(t.file, append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("note the agent's update: %w", err)
	}
	return nil
}

func (t trials) end() error { return durable.Remove(t.file) }
