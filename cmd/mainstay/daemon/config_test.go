package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const good = `hub:
  url: http://127.0.0.1:8000/fleet
  user: root
  password_file: hub.password
dir: a
cloud:
  local: {dir: /srv/cloud}
secrets: {dir: secrets}
`

func anyHub(string) error { return nil }

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "mainstay.yaml")
	if err := os.WriteFile(file, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Read(file, anyHub)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		c.Dir: filepath.Join(dir, "a"), c.Cloud.Local.Dir: "/srv/cloud", c.Secrets.Dir: filepath.Join(dir, "secrets"),
		c.Hub.PasswordFile: filepath.Join(dir, "hub.password"), c.Listen: "127.0.0.1:0", c.LogLevel: "info",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"empty file":        {good, "", []string{"empty"}},
		"not yaml":          {"hub:", "{hub:", []string{"line 1"}},
		"unknown key":       {"dir: a", "dirs: a", []string{"line 5", "dirs is not known"}},
		"wrong kind":        {"dir: a", "dir: [a]", []string{"line 5"}},
		"no hub":            {"  url: http://127.0.0.1:8000/fleet\n", "", []string{"line 2", "hub.url: is missing"}},
		"no cloud":          {"  local: {dir: /srv/cloud}", "  {}", []string{"line 7", "it names no cloud"}},
		"no directory":      {"{dir: /srv/cloud}", "{}", []string{"line 7", "cloud.local.dir: is missing"}},
		"no secrets":        {"secrets: {dir: secrets}\n", "", []string{"secrets: they have no place"}},
		"two documents":     {"dir: a", "dir: a\n---\ndir: b", []string{"more than one document"}},
		"names at home":     {"dir: a", "dir: a\ndns: {hosted_zone: Z1, domain: x.example}", []string{"line 6", "EC2"}},
		"aws at home":       {"{dir: secrets}", "{aws: {}}", []string{"line 8", "EC2"}},
		"refused hub":       {"http://127.0.0.1:8000/fleet", "git+file:///x", []string{"line 2", "no git here"}},
		"open to others":    {"dir: a", "dir: a\nlisten: 0.0.0.0:9400", []string{"line 6", "loopback"}},
		"no address":        {"dir: a", "dir: a\nlisten: nine", []string{"line 6", "host:port"}},
		"password, no user": {"  user: root\n", "", []string{"line 3", "hub.user"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFault(t, strings.Replace(good, c.old, c.new, 1), c.want)
		})
	}
}

func wantFault(t *testing.T, text string, want []string) {
	t.Helper()
	_, err := parse([]byte(text), func(url string) error {
		if strings.HasPrefix(url, "git+") {
			return errors.New("no git here")
		}
		return nil
	})
	if err == nil {
		t.Fatal("want an error")
	}
	for _, want := range want {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to say %q", err, want)
		}
	}
}

const onEC2 = `hub: {url: https://hub.example.com/fleet}
dir: /var/lib/mainstay
cloud:
  ec2:
    fleet: production
    region: eu-west-1
    ami: ami-0123456789abcdef0
    subnets:
      eu-west-1a: subnet-0123456789abcdef0
    security_groups: [sg-0123456789abcdef0]
    strays: {machines: 24h, volumes: 168h}
dns:
  hosted_zone: Z0123456789
  domain: db.example.com
acme:
  email: ops@example.com
secrets:
  aws: {}
agent:
  version: 0.5.0
  url: https://example.com/mainstay-agent
  sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
`

func TestEC2(t *testing.T) {
	t.Parallel()
	c, err := parse([]byte(onEC2), anyHub)
	if err != nil {
		t.Fatal(err)
	}
	if c.Cloud.EC2.Strays.Machines != 24*time.Hour || c.ACME.Directory != letsEncrypt || c.Secrets.AWS == nil || c.Agent.Version != "0.5.0" {
		t.Errorf("read as %+v", c)
	}
}

func TestEC2Faults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"two clouds":          {"  ec2:", "  local: {dir: x}\n  ec2:", []string{"line 4", "two clouds"}},
		"no ami":              {"    ami: ami-0123456789abcdef0\n", "", []string{"line 5", "cloud.ec2.ami: is missing", "deploy/ami"}},
		"no image":            {"ami-0123456789abcdef0", "debian", []string{"line 7", "debian", "ami-"}},
		"no subnets":          {"      eu-west-1a: subnet-0123456789abcdef0\n", "", []string{"line 8", "subnets"}},
		"zone elsewhere":      {"eu-west-1a: subnet", "us-east-1a: subnet", []string{"us-east-1a", "eu-west-1"}},
		"no subnet":           {"eu-west-1a: subnet-0123456789abcdef0", "eu-west-1a: vpc-1", []string{"line 9", "vpc-1"}},
		"no group":            {"sg-0123456789abcdef0", "default", []string{"line 10", "default"}},
		"no time":             {"24h", "a day", []string{"line 11"}},
		"no zone":             {"Z0123456789", "db.example.com", []string{"line 13", "hosted zone"}},
		"a dot too many":      {"domain: db.example.com", "domain: db.example.com.", []string{"line 14", "db.example.com"}},
		"no mail":             {"  email: ops@example.com\n", "  directory: https://ca.example/\n", []string{"line 16", "acme.email: is missing"}},
		"authority in clear":  {"  email:", "  directory: http://ca.example/\n  email:", []string{"line 16", "https"}},
		"acme without dns":    {"dns:\n  hosted_zone: Z0123456789\n  domain: db.example.com\n", "", []string{"line 13", "write dns too"}},
		"two secret stores":   {"  aws: {}", "  aws: {}\n  dir: x", []string{"line 18", "two places"}},
		"agent without a sum": {"  sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", "", []string{"line 20", "agent.sha256: is missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFault(t, strings.Replace(onEC2, c.old, c.new, 1), c.want)
		})
	}
}

const onGitHub = good + `github:
  repository: acme/fleet
  app: Iv23abc
  private_key: file:app.pem
  webhook: {listen: "0.0.0.0:9480", secret: "store:github/webhook"}
  render: pull-request
  people:
    ann: ann@acme.example
`

func TestGitHub(t *testing.T) {
	t.Parallel()
	c, err := parse([]byte(onGitHub), anyHub)
	if err != nil {
		t.Fatal(err)
	}
	c.resolve("/etc/mainstay")
	key, isFile := c.GitHub.PrivateKey.File()
	name, isName := c.GitHub.Webhook.Secret.Name()
	if !isFile || key != "/etc/mainstay/app.pem" || !isName || name != "github/webhook" || c.GitHub.People["ann"] != "ann@acme.example" {
		t.Errorf("read as %+v", c.GitHub)
	}
}

func TestGitHubFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"no repository":      {"acme/fleet", "fleet", []string{"line 10", "OWNER/NAME"}},
		"nobody asks":        {"  app: Iv23abc\n", "", []string{"line 10", "as whom"}},
		"two ask":            {"  app:", "  token: file:t\n  app:", []string{"line 11", "App already"}},
		"no key":             {"  private_key: file:app.pem\n", "", []string{"line 10", "github.private_key: is missing"}},
		"a key in the clear": {"file:app.pem", "-----BEGIN", []string{"line 12", "file:PATH"}},
		"no secret":          {", secret: \"store:github/webhook\"", "", []string{"line 13", "webhook.secret: is missing"}},
		"no name":            {"store:github/webhook", "store:../x", []string{"line 13", "store:NAME"}},
		"no address":         {"0.0.0.0:9480", "9480", []string{"line 13", "host:port"}},
		"half a certificate": {"0.0.0.0:9480\"", "0.0.0.0:9480\", cert: c.pem", []string{"line 13", "certificate"}},
		"no way back":        {"pull-request", "push", []string{"line 14", "commit"}},
		"out of the folder":  {"  render:", "  dir: ../x\n  render:", []string{"line 14", "folder"}},
		"in the clear":       {"  render:", "  url: http://github.example\n  render:", []string{"line 14", "https"}},
		"too often":          {"  render:", "  sweep: 1s\n  render:", []string{"line 14", "10s"}},
		"no mail":            {"ann@acme.example", "ann", []string{"line 16", "mail address"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFault(t, strings.Replace(onGitHub, c.old, c.new, 1), c.want)
		})
	}
}
