// Package daemon reads the configuration of mainstay serve.
//
// It promises that a file which it accepts says nothing it does not understand,
// and that every fault is told with its line and what to write instead. It looks
// at the file alone: what it names is asked for by mainstay serve --check, and whether
// the hub answers is found out by running.
package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A Config is the file's content.
type Config struct {
	Hub         Hub     `yaml:"hub"`
	Dir         string  `yaml:"dir"`          // the control plane's own: clone, lock, log
	VersionsDir string  `yaml:"versions_dir"` // of the local cloud: holds <version>/dolt; empty: beside the program's directory
	Cloud       Cloud   `yaml:"cloud"`
	DNS         *DNS    `yaml:"dns"`
	ACME        *ACME   `yaml:"acme"`
	Secrets     Secrets `yaml:"secrets"`
	Agent       *Agent  `yaml:"agent"`
	GitHub      *GitHub `yaml:"github"`
	Listen      string  `yaml:"listen"` // metrics and health
	LogLevel    string  `yaml:"log_level"`
}

// A Hub says where the fleet's repository is.
type Hub struct {
	URL          string `yaml:"url"`
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
}

// A Cloud says where machines are made: exactly one is given.
type Cloud struct {
	Local *Local `yaml:"local"`
	EC2   *EC2   `yaml:"ec2"`
}

// Local is the cloud on this computer.
type Local struct {
	Dir string `yaml:"dir"`
}

// EC2 is an account and region of AWS. Credentials come from where AWS's own tools
// take them: a role of the machine, the environment or ~/.aws.
type EC2 struct {
	Fleet           string            `yaml:"fleet"` // value of the tag that all of the fleet carries
	Region          string            `yaml:"region"`
	AMI             string            `yaml:"ami"`
	Subnets         map[string]string `yaml:"subnets"` // by zone
	SecurityGroups  []string          `yaml:"security_groups"`
	InstanceProfile string            `yaml:"instance_profile"`
	AgentPort       int               `yaml:"agent_port"` // 0: 7700
	Look            time.Duration     `yaml:"look"`       // how often it is listed; 0: 6s
	Strays          Strays            `yaml:"strays"`
	KeepSnapshots   time.Duration     `yaml:"keep_snapshots"` // of deleted volumes; 0: 30 days
	// IdentityCertificates is a directory of more certificates that sign instance
	// identity documents, <region>.pem, for regions newer than this program.
	IdentityCertificates string `yaml:"identity_certificates"`
	Endpoint             string `yaml:"endpoint"` // in place of AWS's, for tests
}

// Strays say how long what carries the fleet's tag and is on no record is left
// alone before it is removed. Zero: for ever.
type Strays struct {
	Machines time.Duration `yaml:"machines"`
	Volumes  time.Duration `yaml:"volumes"`
}

// DNS is the domain on Route 53 that names are kept in.
type DNS struct {
	HostedZone string `yaml:"hosted_zone"` // id
	Domain     string `yaml:"domain"`
}

// ACME is the public authority that certificates are got from.
type ACME struct {
	Directory string `yaml:"directory"` // empty: Let's Encrypt
	Email     string `yaml:"email"`
	CAFile    string `yaml:"ca_file"` // of the authority's own server, where it is a private one
}

// Secrets says where secrets are kept: exactly one of Dir and AWS is given.
type Secrets struct {
	Dir     string   `yaml:"dir"`
	KeyFile string   `yaml:"key_file"` // that the files of Dir are encrypted with; empty: beside it
	AWS     *Manager `yaml:"aws"`
}

// A Manager is AWS's Secrets Manager, in the cloud's region.
type Manager struct {
	KMSKey string `yaml:"kms_key"` // empty: AWS's own
}

// An Agent is the release of the agent that machines on EC2 should run. On the local
// cloud they run the one beside the program.
type Agent struct {
	Version string `yaml:"version"`
	URL     string `yaml:"url"`
	SHA256  string `yaml:"sha256"`
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
	if err := dec.Decode(new(Config)); !errors.Is(err, io.EOF) {
		return c, errors.New("the file holds more than one document; it needs to be one")
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return c, explain(err)
	}
	if c.ACME != nil && c.ACME.Directory == "" {
		c.ACME.Directory = letsEncrypt
	}
	return c, c.check(&doc, checkHub)
}

// letsEncrypt is the directory of Let's Encrypt, from its documentation.
const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

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
	if !strings.HasPrefix(text, "line ") {
		text = "line 1: " + text // yaml leaves the first out
	}
	text = unknownField.ReplaceAllString(text, "$1 is not known here; see docs/configuration.md for what can be written")
	return errors.New(strings.ReplaceAll(text, "\n  ", "; "))
}

func (c *Config) resolve(base string) {
	paths := []*string{&c.Dir, &c.VersionsDir, &c.Secrets.Dir, &c.Secrets.KeyFile, &c.Hub.PasswordFile}
	if c.Cloud.Local != nil {
		paths = append(paths, &c.Cloud.Local.Dir)
	}
	if c.Cloud.EC2 != nil {
		paths = append(paths, &c.Cloud.EC2.IdentityCertificates)
	}
	if c.ACME != nil {
		paths = append(paths, &c.ACME.CAFile)
	}
	if c.GitHub != nil {
		c.GitHub.resolve(base)
	}
	for _, path := range paths {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(base, *path)
		}
	}
}
