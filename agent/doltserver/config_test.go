package doltserver

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func pid(r *Running) string { return strconv.Itoa(r.PID()) }

func TestRender(t *testing.T) {
	t.Parallel()
	place := Place{Volume: "/v", Host: "10.0.0.7", Port: 3306, MetricsPort: 9100}
	got, err := Render(place, Want{Deployment: "d1", Settings: map[string]string{
		"log_level":                        "debug",
		"behavior.auto_gc_behavior.enable": "false",
		"system_variables.max_connections": "10",
		"system_variables.secret.name":     "${DOLT_ROOT_PASSWORD}",
		"system_variables.odd":             "on",
		"system_variables.leading":         "007",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := `# Written by mainstay-agent at every start. Change the deployment's row instead.
behavior:
    auto_gc_behavior:
        enable: false
cfg_dir: /v/mainstay/server/cfg
data_dir: /v/data
listener:
    host: 10.0.0.7
    port: 3306
    require_secure_transport: true
    tls_cert: /v/mainstay/server/listener.crt
    tls_key: /v/mainstay/server/listener.key
log_level: debug
metrics:
    host: 127.0.0.1
    labels:
        deployment: d1
    port: 9100
privilege_file: /v/mainstay/server/cfg/privileges.db
system_variables:
    leading: "007"
    max_connections: 10
    odd: "on"
    secret.name: $${DOLT_ROOT_PASSWORD}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Fatal(diff)
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]string{
		"reserved":         {"data_dir": "/"},
		"reserved section": {"cluster.bootstrap_role": "primary"},
		"value and part":   {"behavior": "x", "behavior.read_only": "true"},
		"whole section":    {"listener": "x"},
		"no name":          {"behavior.": "x"},
	}
	for name, settings := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Render(Place{}, Want{Settings: settings})
			var p *Problem
			if !errors.As(err, &p) || p.Type != SettingRefused {
				t.Fatalf("%v", err)
			}
		})
	}
}

func TestLastWordsOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"nothing": {"", ""},
		"few":     {"a\nb\n", "a\nb"},
		"many":    {"1\n2\n3\n4\n5\n6\n", "2\n3\n4\n5\n6"},
		"a crash": {"ready\npanic: no space\n\ngoroutine 7 [running]:\nmain.go:1\n\ngoroutine 8:\n", "ready\npanic: no space"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := lastWords(tt.text); got != tt.want {
				t.Fatalf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if n, err := rotate(path); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	short := strings.Repeat("x", 100)
	if err := os.WriteFile(path, []byte(short), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := rotate(path); n != 100 || err != nil {
		t.Fatal(n, err)
	}
	if err := os.Truncate(path, logLimit); err != nil {
		t.Fatal(err)
	}
	if n, err := rotate(path); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	old, err := os.Stat(path + ".1")
	if err != nil || old.Size() != logLimit {
		t.Fatal(old, err)
	}
}
