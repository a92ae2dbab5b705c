package update

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent/fetch"
)

// says is a program that knows its version.
func says(version string) string { return "#!/bin/sh\necho mainstay-agent " + version + "\n" }

// A box is a machine's directory with a program of version v1 beside it.
type box struct {
	t       *testing.T
	dir     string
	program string
	server  *httptest.Server
	gives   string
}

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, dir: t.TempDir()}
	b.program = filepath.Join(t.TempDir(), "mainstay-agent")
	b.install(says("v1"))
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(b.gives))
	}))
	t.Cleanup(b.server.Close)
	return b
}

func (b *box) install(text string) {
	b.t.Helper()
	if err := os.WriteFile(b.program, []byte(text), 0o755); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) release(version, text string) Release {
	b.gives = text
	sum := sha256.Sum256([]byte(text))
	return Release{version, fetch.Source{URL: b.server.URL, SHA256: hex.EncodeToString(sum[:])}}
}

func (b *box) updater(version string) *Updater { return New(b.program, version, b.dir) }

func (b *box) guard() *Guard {
	return &Guard{Program: b.program, Dir: b.dir, Log: slog.New(slog.DiscardHandler), limit: 20 * time.Millisecond}
}

func (b *box) holds(program, previous string) {
	b.t.Helper()
	for path, want := range map[string]string{b.program: program, b.program + previousSuffix: previous} {
		got, err := os.ReadFile(path)
		if want == "" && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil || string(got) != want {
			b.t.Fatalf("%s holds %q, %v; want %q", filepath.Base(path), got, err, want)
		}
	}
}

func (b *box) apply(version string, r Release) {
	b.t.Helper()
	if err := b.updater(version).Apply(b.t.Context(), r); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) before() {
	b.t.Helper()
	if err := b.guard().Before(); err != nil {
		b.t.Fatal(err)
	}
}

func TestGoodUpdate(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.before() // without a trial it does nothing
	b.apply("v1", b.release("v2", says("v2")))
	b.holds(says("v2"), says("v1"))
	b.before()
	if err := b.updater("v2").Proved(); err != nil {
		t.Fatal(err)
	}
	for range 2 * startsAllowed {
		b.before()
	}
	b.holds(says("v2"), says("v1"))
	if version, _ := b.updater("v2").Failure(); version != "" {
		t.Fatalf("failed is %s", version)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(b.program), ".*", "*")); err != nil || len(left) != 0 {
		t.Fatalf("left are %q, %v", left, err)
	}
}

// TestSharedProgram: machines of a local cloud may share the program's file.
func TestSharedProgram(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	r := b.release("v2", says("v2"))
	b.apply("v1", r)
	other := New(b.program, "v1", t.TempDir())
	if err := other.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	b.holds(says("v2"), says("v1"))
}

func TestTakenBack(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	bad := b.release("v2", says("v2"))
	b.apply("v1", bad)
	for range startsAllowed {
		b.before()
		b.holds(says("v2"), says("v1"))
	}
	b.before()
	b.holds(says("v1"), "")
	u := b.updater("v1")
	if err := u.Proved(); err != nil { // the former serves: the failure stays known
		t.Fatal(err)
	}
	if version, reason := u.Failure(); version != "v2" || !strings.Contains(reason, "3 times") {
		t.Fatalf("failure %q: %q", version, reason)
	}
	if err := u.Apply(t.Context(), bad); !errors.Is(err, ErrTriedBefore) {
		t.Fatalf("the same again: %v", err)
	}

	t.Log("another build of that version is another release")
	b.apply("v1", b.release("v2", says("v2")+"# mended\n"))
	b.before()
	if err := b.updater("v2").Proved(); err != nil {
		t.Fatal(err)
	}
	if version, _ := b.updater("v2").Failure(); version != "" {
		t.Fatalf("failed is %s", version)
	}
}

func TestHangs(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	if err := b.guard().Watch(t.Context()); err != nil {
		t.Fatalf("without a trial: %v", err)
	}
	b.apply("v1", b.release("v2", says("v2")))
	b.before()
	if err := b.guard().Watch(t.Context()); err == nil || !strings.Contains(err.Error(), "v2") {
		t.Fatalf("it hangs: %v", err)
	}
	b.before()
	b.holds(says("v1"), "")

	t.Log("one that serves in time is left alone")
	b.apply("v1", b.release("v3", says("v3")))
	b.before()
	g := b.guard()
	g.limit = time.Minute
	ended := make(chan error, 1)
	go func() { ended <- g.Watch(t.Context()) }()
	if err := b.updater("v3").Proved(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestPowerCuts(t *testing.T) {
	t.Parallel()
	t.Run("noted, not in place", func(t *testing.T) {
		t.Parallel()
		b := newBox(t)
		if err := inDir(b.dir).write(trial{Version: "v2", SHA256: "x", Program: "not this one", From: "v1"}); err != nil {
			t.Fatal(err)
		}
		for range 2 * startsAllowed {
			b.before()
		}
		b.holds(says("v1"), "")
		if err := b.updater("v1").Proved(); err != nil {
			t.Fatal(err)
		}
		if last, err := inDir(b.dir).read(); err != nil || last.Version != "" {
			t.Fatalf("the trial stays: %+v, %v", last, err)
		}
	})
	t.Run("failed, not taken back", func(t *testing.T) {
		t.Parallel()
		b := newBox(t)
		b.apply("v1", b.release("v2", says("v2")))
		last, err := inDir(b.dir).read()
		if err != nil {
			t.Fatal(err)
		}
		last.Failed = true
		if err := inDir(b.dir).write(last); err != nil {
			t.Fatal(err)
		}
		b.before()
		b.holds(says("v1"), "")
	})
	t.Run("torn note", func(t *testing.T) {
		t.Parallel()
		b := newBox(t)
		if err := os.WriteFile(filepath.Join(b.dir, "update.json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := b.guard().Before(); err == nil || !strings.Contains(err.Error(), "remove it") {
			t.Fatalf("%v", err)
		}
		if err := b.guard().Watch(t.Context()); err != nil {
			t.Fatalf("an agent is ended for it: %v", err)
		}
	})
}

func TestRefusesWrongPrograms(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	wrongSum := b.release("v2", says("v2"))
	wrongSum.SHA256 = strings.Repeat("0", 64)
	for name, r := range map[string]Release{
		"sum": wrongSum, "version": b.release("v3", says("v2")),
	} {
		if err := b.updater("v1").Apply(t.Context(), r); !errors.Is(err, fetch.ErrWrong) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{"crash": "#!/bin/sh\nexit 1\n", "text": "hello"} {
		if err := b.updater("v1").Apply(t.Context(), b.release("v2", text)); !errors.Is(err, fetch.ErrWrong) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	b.holds(says("v1"), "")
	if last, err := inDir(b.dir).read(); err != nil || last.Version != "" {
		t.Fatalf("a trial of it: %+v, %v", last, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.updater("v1").Apply(ctx, b.release("v2", says("v2"))); err == nil {
		t.Fatal("applied after its end")
	}
}

func TestWithoutFormerProgram(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.apply("v1", b.release("v2", says("v2")))
	if err := os.Remove(b.program + previousSuffix); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	g := b.guard()
	g.Log = slog.New(slog.NewTextHandler(&log, nil))
	for range startsAllowed {
		if err := g.Before(); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Before(); err == nil || !strings.Contains(err.Error(), "install a version") || !strings.Contains(log.String(), "v2") {
		t.Fatalf("%v, log %s", err, log.String())
	}
	b.holds(says("v2"), "")
}
