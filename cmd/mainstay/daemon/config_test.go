package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
		"unknown key":       {"dir: a", "dirs: a", []string{"line 5", "dirs is not known"}},
		"wrong kind":        {"dir: a", "dir: [a]", []string{"line 5"}},
		"no hub":            {"  url: http://127.0.0.1:8000/fleet\n", "", []string{"line 2", "hub.url is missing"}},
		"no cloud":          {"  local: {dir: /srv/cloud}", "  {}", []string{"line 7", "cloud.local.dir is missing"}},
		"no secrets":        {"secrets: {dir: secrets}\n", "", []string{"secrets.dir is missing"}},
		"refused hub":       {"http://127.0.0.1:8000/fleet", "git+file:///x", []string{"line 2", "no git here"}},
		"open to others":    {"dir: a", "dir: a\nlisten: 0.0.0.0:9400", []string{"line 6", "loopback"}},
		"no address":        {"dir: a", "dir: a\nlisten: nine", []string{"line 6", "host:port"}},
		"password, no user": {"  user: root\n", "", []string{"line 3", "hub.user"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse([]byte(strings.Replace(good, c.old, c.new, 1)), func(url string) error {
				if strings.HasPrefix(url, "git+") {
					return errors.New("no git here")
				}
				return nil
			})
			if err == nil {
				t.Fatal("want an error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to say %q", err, want)
				}
			}
		})
	}
}
