package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/sqlshell"
)

// TestMain gives the engine a directory of its own: it would take that of the first
// repository that is opened, which goes with its test.
func TestMain(m *testing.M) {
	root, err := os.MkdirTemp("", "mainstay-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv("DOLT_ROOT_PATH", root)
	code := m.Run()
	os.RemoveAll(root)
	os.Exit(code)
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	plain := errors.New("plain")
	for _, c := range []struct {
		err  error
		want int
	}{
		{plain, exitFailed},
		{usagef("wrong: %w", plain), exitUsage},
		{fmt.Errorf("around: %w", refusal{plain}), exitRefused},
		{errors.Join(plain, refusal{plain}), exitRefused},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("exitCode(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestSentenceIsOneLine(t *testing.T) {
	t.Parallel()
	if got := sentence(errors.New("one\n  two\x1b[2J\n")); strings.ContainsAny(got, "\n\x1b") {
		t.Errorf("got %q", got)
	}
}

func TestMessageFrom(t *testing.T) {
	t.Parallel()
	if got := messageFrom("UPDATE deployments\n  SET running = false;"); got != "UPDATE deployments SET running = false;" {
		t.Errorf("got %q", got)
	}
	if got := messageFrom(strings.Repeat("ü", 100)); len([]rune(got)) != 72 || !strings.HasSuffix(got, "…") {
		t.Errorf("got %q", got)
	}
}

func TestParseSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"24h": now.Add(-24 * time.Hour), "-1h": now.Add(-time.Hour), "2026-11-22T09:00:00Z": now.Add(-time.Hour),
		"2026-11-01": time.Date(2026, 11, 1, 0, 0, 0, 0, time.Local),
	} {
		if got, err := parseSince(in, now); err != nil || !got.Equal(want) {
			t.Errorf("parseSince(%q) = %s, %v, want %s", in, got, err, want)
		}
	}
	if _, err := parseSince("teatime", now); exitCode(err) != exitUsage {
		t.Errorf("got %v, want a fault of usage", err)
	}
}

func TestClientArgsHoldNoPassword(t *testing.T) {
	t.Parallel()
	server := sqlshell.Target{Host: "127.0.0.1", Port: 3306, User: "root", Password: "secret", Database: "fleet"}
	for _, c := range []struct {
		caFile  string
		mariadb bool
		want    string
	}{
		{"/ca.pem", false, "--ssl-mode=VERIFY_IDENTITY"}, {"/ca.pem", true, "--ssl-verify-server-cert"}, {"", true, "--skip-ssl"},
	} {
		args := clientArgs(server, c.caFile, c.mariadb)
		if !slices.Contains(args, c.want) || strings.Contains(strings.Join(args, " "), "secret") {
			t.Errorf("got %q, want %s and no password", args, c.want)
		}
	}
}

func TestQuoteShell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"/plain/path": "/plain/path", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'"} {
		if got := quoteShell(in); got != want {
			t.Errorf("quoteShell(%q) = %s, want %s", in, got, want)
		}
	}
}

// TestEveryCommandHasExamples keeps help useful: what a command is for is seen
// fastest in how it is typed.
func TestEveryCommandHasExamples(t *testing.T) {
	t.Parallel()
	a := &app{getenv: func(string) string { return "" }}
	root := newRootCommand(a)
	if root.Example == "" {
		t.Error("mainstay has no examples")
	}
	for _, cmd := range root.Commands() {
		if cmd.Example == "" || cmd.Short == "" {
			t.Errorf("%s has no example or no description", cmd.Name())
		}
	}
}
