package githubtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Examples are payloads of every event of GitHub's, from the directory that
// tools/github.sh installs to: what a webhook has to accept without an error.
func Examples(dir string) ([]Delivery, error) {
	b, err := os.ReadFile(filepath.Join(dir, "node_modules/@octokit/webhooks-examples/api.github.com/index.json"))
	if err != nil {
		return nil, fmt.Errorf("the examples of GitHub's events are not there; run tools/github.sh: %w", err)
	}
	var events []struct {
		Name     string
		Examples []json.RawMessage
	}
	if err := json.Unmarshal(b, &events); err != nil {
		return nil, fmt.Errorf("the examples of GitHub's events cannot be read: %w", err)
	}
	var all []Delivery
	for _, e := range events {
		for _, body := range e.Examples {
			all = append(all, NewDelivery(e.Name, body))
		}
	}
	return all, nil
}
