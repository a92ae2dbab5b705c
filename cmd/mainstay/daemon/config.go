// Package daemon reads the configuration of mainstay serve.
//
// It promises that a file which it accepts says nothing it does not understand,
// and that every fault is told with its line and what to write instead. It looks
// at the file alone: whether the hub answers is found out by running.
package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// A Config is the file's content.
type Config struct {
	Hub         Hub     `yaml:"hub"`
	Dir         string  `yaml:"dir"`          // the control plane's own: clone, lock, log
	VersionsDir string  `yaml:"versions_dir"` // holds <version>/dolt; empty: beside the program
	Cloud       Cloud   `yaml:"cloud"`
	Secrets     Secrets `yaml:"secrets"`
	Listen      string  `yaml:"listen"` // metrics and health
	LogLevel    string  `yaml:"log_level"`
}

// A Hub says where the fleet's repository is.
type Hub struct {
	URL          string `yaml:"url"`
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
}

// A Cloud says where machines are made. There is one kind as yet.
type Cloud struct {
	Local *Local `yaml:"local"`
}

// Local is the cloud on this computer.
type Local struct {
	Dir string `yaml:"dir"`
}

// Secrets says where secrets are kept.
type Secrets struct {
	Dir string `yaml:"dir"`
}

// Read reads and checks a file. Relative paths in it are relative to it.
func Read(path string, checkHub func(string) error) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("cannot read the configuration; name the file with --config: %w", err)
	}
	c, err := parse(data, checkHub)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	base, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return Config{}, fmt.Errorf("%s has no absolute path: %w", path, err)
	}
	c.resolve(base)
	return c, nil
}

func parse(data []byte, checkHub func(string) error) (Config, error) {
	c := Config{Listen: "127.0.0.1:0", LogLevel: "info"}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); errors.Is(err, io.EOF) {
		return c, errors.New("the file is empty; it needs at least hub, dir, cloud and secrets")
	} else if err != nil {
		return c, explain(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return c, explain(err)
	}
	return c, c.check(&doc, checkHub)
}

// check returns the first thing that is missing or wrong.
func (c Config) check(doc *yaml.Node, checkHub func(string) error) error {
	for _, want := range []struct{ path, value, advice string }{
		{"hub.url", c.Hub.URL, "the address of the fleet's repository, such as http://127.0.0.1:8000/fleet"},
		{"dir", c.Dir, "a directory of this control plane's own"},
		{"secrets.dir", c.Secrets.Dir, "the directory of the secret store"},
	} {
		if want.value == "" {
			return fault(doc, want.path, "%s is missing; write %s", want.path, want.advice)
		}
	}
	if c.Cloud.Local == nil || c.Cloud.Local.Dir == "" {
		return fault(doc, "cloud.local.dir", "cloud.local.dir is missing; write the directory in which machines and volumes are made")
	}
	if err := checkHub(c.Hub.URL); err != nil {
		return fault(doc, "hub.url", "hub.url: %w", err)
	}
	if host, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fault(doc, "listen", "listen: %q is no address; write host:port, such as 127.0.0.1:9400", c.Listen)
	} else if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fault(doc, "listen", "listen: %q is open to others, and it has no access control; write a loopback address", c.Listen)
	}
	if c.Hub.PasswordFile != "" && c.Hub.User == "" {
		return fault(doc, "hub.password_file", "hub.password_file has no user to belong to; write hub.user")
	}
	return nil
}

// fault names the line of the nearest thing that is in the file.
func fault(doc *yaml.Node, path, format string, args ...any) error {
	line := 1
	node := doc
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	for _, key := range strings.Split(path, ".") {
		next := child(node, key)
		if next == nil {
			break
		}
		node, line = next, next.Line
	}
	return fmt.Errorf("line %d: %w", line, fmt.Errorf(format, args...))
}

func child(node *yaml.Node, key string) *yaml.Node {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// explain turns yaml's errors into ours: it speaks of Go types.
func explain(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n  ")
	text = unknownField.ReplaceAllString(text, "$1 is not known here; see docs/cli.md for what can be written")
	return errors.New(strings.ReplaceAll(text, "\n  ", "; "))
}

func (c *Config) resolve(base string) {
	for _, path := range []*string{&c.Dir, &c.VersionsDir, &c.Cloud.Local.Dir, &c.Secrets.Dir, &c.Hub.PasswordFile} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(base, *path)
		}
	}
}
