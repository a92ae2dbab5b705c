package doltserver

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// FuzzRender: whatever settings a row has, Dolt reads them as they were meant, what is
// ours in its configuration is ours, and nothing is read from its environment.
func FuzzRender(f *testing.F) {
	f.Add("log_level", "debug", "behavior.read_only", "true", "d1")
	f.Add("listener.require_secure_transport", "false", "listener.max_connections", "007", "d1")
	f.Add("listener.port", "1", "cluster.x", "1", "d1")
	f.Add("listener", "{port: 1}", "data_dir", "/", "")
	f.Add("a.b", "1", "a", "2", "${HOME}")
	f.Add("system_variables.a.b", "$x\nuser: {name: x}", "system_variables.", "~", "a: b")
	f.Add("a..b", "\u0085", "metrics.labels.deployment", "other", "\x00")
	f.Add("x", "1e9", "y", "0x10", "d")
	f.Fuzz(func(t *testing.T, name, value, other, another, deployment string) {
		if !utf8.ValidString(name + value + other + another + deployment) {
			return // no order brings such a text
		}
		place := Place{Volume: "/v", Host: "10.0.0.7", Port: 3306, MetricsPort: 9100}
		settings := map[string]string{name: value, other: another}
		body, err := Render(place, Want{Deployment: deployment, Settings: settings})
		if err != nil {
			return
		}
		if strings.Contains(strings.ReplaceAll(string(body), "$$", ""), "$") {
			t.Fatalf("Dolt would expand a part of\n%s", body)
		}
		var root map[string]any
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll(string(body), "$$", "$")), &root); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		for path, want := range map[string]any{"listener.host": place.Host, "listener.port": place.Port, "listener.tls_cert": place.cert(), "listener.tls_key": place.key(),
			"data_dir": place.data(), "cfg_dir": place.cfg(), "privilege_file": place.privileges(), "metrics.host": "127.0.0.1", "metrics.port": place.MetricsPort,
			"metrics.labels.deployment": deployment} {
			if got := at(root, strings.Split(path, ".")); got != want {
				t.Errorf("%s is %v and should be %v in\n%s", path, got, want, body)
			}
		}
		for _, key := range []string{"user", "cluster", "mcp_server", "golden_mysql_conn", "branch_control_file"} {
			if _, there := root[key]; there {
				t.Errorf("%s is in\n%s", key, body)
			}
		}
		for setting, want := range settings {
			path := strings.Split(setting, ".")
			if variable, ok := strings.CutPrefix(setting, "system_variables."); ok {
				path = []string{"system_variables", variable}
			}
			if got := at(root, path); got != want && !sameScalar(got, scalar(want)) && setting != "metrics.labels.deployment" {
				t.Errorf("%q is %#v and should be %#v in\n%s", setting, got, scalar(want), body)
			}
		}
	})
}

// at finds a value by its path; nil: it is not there.
func at(root map[string]any, path []string) any {
	for _, key := range path[:len(path)-1] {
		root, _ = root[key].(map[string]any)
	}
	return root[path[len(path)-1]]
}

// sameScalar compares as YAML does, which has one kind of whole numbers.
func sameScalar(a, b any) bool {
	if n, ok := a.(int); ok {
		a = int64(n)
	}
	return a == b
}

// FuzzProgram: no version leads to a program that is not a version's.
func FuzzProgram(f *testing.F) {
	for _, version := range []string{"2.2.0", "", "/", ".", "..", "../other", "../../bin", "2.2.0/../../other", "/other", ".fetch", "2.2.0/", "./2.2.0", "2.2.0\x00", strings.Repeat("a", 999)} {
		f.Add(version)
	}
	dir := f.TempDir()
	for _, path := range []string{"versions", "versions/2.2.0", "versions/.fetch", "other"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o700); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path, "dolt"), nil, 0o700); err != nil {
			f.Fatal(err)
		}
	}
	versions := filepath.Join(dir, "versions")
	s := New(Place{Versions: versions}, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, version string) {
		path, err := s.Program(version)
		if there := filepath.Join(versions, "2.2.0", "dolt"); (err == nil) != (version == "2.2.0") || err == nil && path != there {
			t.Errorf("%q leads to %q, %v", version, path, err)
		}
	})
}
