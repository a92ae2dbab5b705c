package daemon

import (
	"maps"
	"net"
	"net/mail"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// GitHub is the repository of files whose pull requests are proposals.
type GitHub struct {
	Repository string `yaml:"repository"` // OWNER/NAME
	Branch     string `yaml:"branch"`     // that stands for the fleet's main; empty: main
	Dir        string `yaml:"dir"`        // of the files; empty: specs
	URL        string `yaml:"url"`        // of a GitHub Enterprise server; empty: github.com
	// App and PrivateKey, or Token, say as whom GitHub is asked.
	App        string            `yaml:"app"` // id or client id
	PrivateKey Secret            `yaml:"private_key"`
	Token      Secret            `yaml:"token"`
	Webhook    *Webhook          `yaml:"webhook"` // nil: GitHub is asked from time to time alone
	Render     string            `yaml:"render"`  // commit, pull-request, off; empty: off
	Drafts     bool              `yaml:"drafts"`  // drafts are judged too
	Sweep      time.Duration     `yaml:"sweep"`   // how often all is looked at; 0: a minute
	People     map[string]string `yaml:"people"`  // mail addresses by login, as the fleet's reviewers have them
}

// A Webhook is where GitHub's deliveries arrive.
type Webhook struct {
	Listen string `yaml:"listen"` // host:port
	Secret Secret `yaml:"secret"` // that they are signed with
	Former Secret `yaml:"former"` // that they may be signed with as well, while it is changed
	// Cert and Key are files in PEM; empty: what is in front of it speaks TLS.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// BranchOrMain is the branch that stands for the fleet's main.
func (g *GitHub) BranchOrMain() string {
	if g.Branch == "" {
		return "main"
	}
	return g.Branch
}

// Secrets are those that deliveries may be signed with; none where nothing is listened
// for.
func (w *Webhook) Secrets() []Secret {
	if w == nil {
		return nil
	}
	return []Secret{w.Secret, w.Former}
}

// A Secret says where a secret is: file:PATH, or store:NAME in the secret store.
type Secret string

const (
	fileScheme  = "file:"
	storeScheme = "store:"
)

// File is the path of one that is in a file.
func (s Secret) File() (string, bool) { return strings.CutPrefix(string(s), fileScheme) }

// Name is that of one in the secret store.
func (s Secret) Name() (string, bool) { return strings.CutPrefix(string(s), storeScheme) }

// resolve makes a relative path one of the configuration's directory.
func (s *Secret) resolve(base string) {
	if path, ok := s.File(); ok && !filepath.IsAbs(path) {
		*s = Secret(fileScheme + filepath.Join(base, path))
	}
}

func (g *GitHub) resolve(base string) {
	g.PrivateKey.resolve(base)
	g.Token.resolve(base)
	if w := g.Webhook; w != nil {
		w.Secret.resolve(base)
		w.Former.resolve(base)
		for _, path := range []*string{&w.Cert, &w.Key} {
			if *path != "" && !filepath.IsAbs(*path) {
				*path = filepath.Join(base, *path)
			}
		}
	}
}

var (
	githubPattern = regexp.MustCompile(`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$`)
	folderPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$`)
	storePattern  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*$`)
	renderPattern = regexp.MustCompile(`^(off|commit|pull-request)$`)
)

// leastSweep leaves GitHub's limits to what matters.
const leastSweep = 10 * time.Second

func (g *GitHub) check(k *checker) {
	k.need("github.repository", g.Repository, "the repository of the files, as OWNER/NAME")
	k.match("github.repository", g.Repository, githubPattern, "a repository, as OWNER/NAME")
	k.match("github.dir", g.Dir, folderPattern, "a folder of the repository, such as specs")
	k.match("github.render", g.Render, renderPattern, "a way to bring changes back: off, commit or pull-request")
	if u, err := url.Parse(g.URL); g.URL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && !isLoopback(u.Hostname())) {
		k.fail("github.url", "%q is not the https address of a GitHub Enterprise server", g.URL)
	}
	switch {
	case g.App != "" && g.Token != "":
		k.fail("github.token", "GitHub is asked as an App already; write app with private_key, or token")
	case g.App == "" && g.Token == "":
		k.fail("github", "it does not say as whom GitHub is asked; write app with private_key, or token")
	case g.App != "":
		k.need("github.private_key", string(g.PrivateKey), "where the App's key is, as file:PATH or store:NAME")
	}
	if g.Sweep != 0 && g.Sweep < leastSweep {
		k.fail("github.sweep", "%s is too often for GitHub's limits; write %s or more", g.Sweep, leastSweep)
	}
	for _, login := range slices.Sorted(maps.Keys(g.People)) {
		address := g.People[login]
		if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
			k.fail("github.people."+login, "%q is not a mail address", address)
		}
	}
	k.secret("github.private_key", g.PrivateKey)
	k.secret("github.token", g.Token)
	if g.Webhook != nil {
		g.Webhook.check(k)
	}
}

func (w *Webhook) check(k *checker) {
	if _, _, err := net.SplitHostPort(w.Listen); err != nil {
		k.fail("github.webhook.listen", "%q is no address; write host:port, such as 0.0.0.0:9480", w.Listen)
	}
	k.need("github.webhook.secret", string(w.Secret), "where the webhook's secret is, as file:PATH or store:NAME")
	k.secret("github.webhook.secret", w.Secret)
	k.secret("github.webhook.former", w.Former)
	if (w.Cert == "") != (w.Key == "") {
		k.fail("github.webhook", "a certificate needs its key; write cert and key, or neither")
	}
}

// secret says how to write where one is.
func (k *checker) secret(path string, s Secret) {
	file, isFile := s.File()
	name, isName := s.Name()
	if s != "" && !(isFile && file != "") && !(isName && storePattern.MatchString(name)) {
		k.fail(path, "%q does not say where the secret is; write file:PATH, or store:NAME for one in the secret store", string(s))
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
