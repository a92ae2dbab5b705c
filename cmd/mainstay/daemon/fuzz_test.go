package daemon

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"
)

var lineNumber = regexp.MustCompile(`\bline (\d+): `)

// FuzzParse: a file is refused with the same sentence each time, about a line that it
// has; or it is accepted, and then says the same when it is written out, leaves nothing
// open to others, and names each thing once.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		good, onEC2, onGitHub, "", "{}", "---\n---\n", "hub: *a", "&a [*a]", "hub: {url: !!binary aaaa}", "\x00", "dir: [", "? {a: b}\n: c\n",
		strings.Replace(onEC2, "{machines: 24h, volumes: 168h}", "{machines: -1h, volumes: -1h}\n    look: -1s", 1),
		strings.Replace(onEC2, "      eu-west-1a: subnet", "      us-east-1a: x\n      us-east-1b: y\n      eu-west-1a: subnet", 1),
		strings.Replace(onGitHub, "ann: ann@acme.example", "ann: ann\n    bob: bob\n    cy: <cy@acme.example>", 1),
		strings.Replace(good, "dir: a", "dir: a\nlisten: \"[::1%lo]:1\"\nlog_level: loud", 1),
		strings.Replace(good, "dir: a", "listen: localhost:\n<<: {dir: a}", 1),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse([]byte(text), anyHub)
		for range 3 {
			if _, again := parse([]byte(text), anyHub); (again == nil) != (err == nil) || err != nil && again.Error() != err.Error() {
				t.Fatalf("once %v, and once %v", err, again)
			}
		}
		if err != nil {
			for _, m := range lineNumber.FindAllStringSubmatch(err.Error(), -1) {
				if n, _ := strconv.Atoi(m[1]); n < 1 || n > strings.Count(text, "\n")+strings.Count(text, "\r")+1 {
					t.Errorf("there is no such line: %v", err)
				}
			}
			return
		}
		accepted(t, c)
	})
}

func accepted(t *testing.T, c Config) {
	t.Helper()
	if (c.Cloud.Local == nil) == (c.Cloud.EC2 == nil) || (c.Secrets.Dir == "") == (c.Secrets.AWS == nil) || c.Hub.URL == "" || c.Dir == "" {
		t.Errorf("accepted with too little or too much: %+v", c)
	}
	if host := c.Listen[:strings.LastIndex(c.Listen, ":")]; host != "localhost" && !strings.HasPrefix(strings.Trim(host, "[]"), "127.") && !strings.HasSuffix(strings.Trim(host, "[]"), "1") {
		t.Errorf("accepted, and open to others: %q", c.Listen)
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := parse(text, anyHub)
	if diff := cmp.Diff(c, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("written out it is another: %v\n%s\n%s", err, diff, text)
	}
	c.resolve("/etc/mainstay")
	paths := []string{c.Dir, c.VersionsDir, c.Secrets.Dir, c.Secrets.KeyFile, c.Hub.PasswordFile}
	if c.Cloud.Local != nil {
		paths = append(paths, c.Cloud.Local.Dir)
	}
	for _, path := range paths {
		if path != "" && !filepath.IsAbs(path) {
			t.Errorf("%q depends on where the program is started", path)
		}
	}
}
