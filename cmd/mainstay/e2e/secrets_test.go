package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keepsSecrets says that no password of the hub or of a deployment, and no private key,
// is in anything that is recorded: logs, what the commands print, and every table of
// every branch, with its history where status has one.
func (f *fleet) keepsSecrets(deployments ...string) {
	f.t.Helper()
	secrets := map[string]string{"the hub's password": f.hubPassword(), "a private key": "PRIVATE KEY"}
	for _, name := range deployments {
		secrets["the password of "+name] = strings.TrimSpace(f.do("connect", name, "--password"))
	}
	texts := f.recorded()
	for what, secret := range secrets {
		if len(secret) < 8 {
			f.t.Errorf("%s is %q, which proves nothing", what, secret)
		}
		for where, text := range texts {
			if strings.Contains(text, secret) {
				f.t.Errorf("%s is in %s", what, where)
			}
		}
	}
}

// recorded is everything that is written down for people to read, by where it is.
func (f *fleet) recorded() map[string]string {
	f.t.Helper()
	texts := map[string]string{"what mainstay up says": f.out.String()}
	for _, args := range [][]string{{"status"}, {"status", "-o", "json"}, {"log"}, {"pr", "list", "--state", "all"}} {
		texts["mainstay "+strings.Join(args, " ")] = f.do(args...)
	}
	clone := f.clone()
	for _, branch := range []string{"main", "status", "proposals"} {
		f.doltIn(clone, "checkout", branch)
		f.doltIn(clone, "dump", "-f", "--file-name", branch+".sql")
		dump, err := os.ReadFile(filepath.Join(clone, branch+".sql"))
		if err != nil {
			f.t.Fatal(err)
		}
		texts["the branch "+branch] = string(dump)
		texts["the history of "+branch] = f.doltIn(clone, "log")
	}
	for _, table := range []string{"conditions", "agents", "gaps"} {
		f.doltIn(clone, "checkout", "status")
		texts["all that was in "+table] = f.doltIn(clone, "sql", "-r", "csv", "-q", "SELECT * FROM dolt_history_"+table)
	}
	_ = filepath.WalkDir(f.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".log") {
			if text, err := os.ReadFile(path); err == nil {
				texts[path] = string(text)
			}
		}
		return nil
	})
	return texts
}
