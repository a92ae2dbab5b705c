package doltserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent/freeport"
	"github.com/mainstaydb/mainstay/agent/process"
)

// bound is how long any wait may last: a start takes a fraction of a second, on
// a machine that runs all tests at once some seconds.
const bound = 60 * time.Second

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	return ctx
}

// build is where the real programs are.
func build(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("MAINSTAY_TEST_BUILD")
	if dir == "" {
		t.Skip("MAINSTAY_TEST_BUILD is not set: run make test, which builds Dolt first")
	}
	return dir
}

func newPlace(t *testing.T) Place {
	t.Helper()
	dir := t.TempDir()
	return Place{
		Volume: filepath.Join(dir, "volume"), PIDFile: filepath.Join(dir, "pid"), Log: filepath.Join(dir, "log"),
		Versions: filepath.Join(build(t), "dolt"), Host: "127.0.0.1", Port: freeport.Take(t),
	}
}

func newWant(t *testing.T) Want {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return Want{
		Deployment: "d1", Version: "2.2.0", Password: "right $word'",
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}
}

func start(t *testing.T, s *Server, w Want) *Running {
	t.Helper()
	r, err := s.Start(w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), bound)
		defer cancel()
		if err := r.Kill(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}

func serving(t *testing.T, s *Server, r *Running, w Want) {
	t.Helper()
	ctx := limited(t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.Check(ctx, w)
		if err == nil {
			return
		}
		if !r.Alive() || ctx.Err() != nil {
			t.Fatalf("does not serve: %v\n%s\n%s", err, r.Exit(), s.LastWords(r))
		}
		<-tick.C
	}
}

func TestServes(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.2.0", "1.86.4"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s, w := New(newPlace(t), slog.New(slog.DiscardHandler)), newWant(t)
			s.place.MetricsPort = freeport.Take(t)
			w.Version = version
			w.Settings = map[string]string{"log_level": "debug", "system_variables.max_connections": "77"}
			r := start(t, s, w)
			serving(t, s, r, w)
			secretIsNowhere(t, s, r, w.Password)

			found, err := s.Find()
			if err != nil || found.PID() != r.PID() || found.Version != version || found.Fingerprint != s.Fingerprint(w) {
				t.Fatalf("found %+v, %v", found, err)
			}
			wrong := w
			wrong.Password = "wrong"
			if err := s.Check(limited(t), wrong); !errors.Is(err, ErrAccessDenied) {
				t.Fatalf("wrong password: %v", err)
			}
			changed := w
			changed.Password, changed.Former = "another", []string{"older still", w.Password}
			if err := s.Check(limited(t), changed); err != nil {
				t.Fatalf("new password: %v", err)
			}
			if err := s.Check(limited(t), w); !errors.Is(err, ErrAccessDenied) {
				t.Fatalf("old password still opens: %v", err)
			}
			stranger := newWant(t)
			stranger.Password = changed.Password
			if err := s.Check(limited(t), stranger); err == nil {
				t.Fatal("another server's certificate was taken for ours")
			}
			if err := r.Stop(limited(t), StopGrace); err != nil {
				t.Fatal(err)
			}
			if got := r.Exit(); strings.Contains(got, "kill") {
				t.Fatalf("not graceful: %s", got)
			}
			r = start(t, s, changed)
			serving(t, s, r, changed)
		})
	}
}

// secretIsNowhere looks where others could read: arguments, environment, log.
func secretIsNowhere(t *testing.T, s *Server, r *Running, secret string) {
	t.Helper()
	proc := filepath.Join("/proc", pid(r))
	for _, path := range []string{filepath.Join(proc, "environ"), filepath.Join(proc, "cmdline"), s.place.Log, s.place.PIDFile, s.place.config()} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), secret) {
			t.Errorf("%s holds the password", path)
		}
	}
	if _, err := os.Stat(s.place.bootstrap()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("first password left behind: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	place := newPlace(t)
	s, w := New(place, slog.New(slog.DiscardHandler)), newWant(t)
	stranger, err := net.Listen("tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	tests := []struct {
		name, kind, says string
		want             func(*Want)
	}{
		{"port", PortTaken, s.address(), func(*Want) {}},
		{"version", VersionMissing, "1.86.4, 2.2.0", func(w *Want) { w.Version = "0.0.1" }},
		{"version with a path", VersionMissing, "2.2.0", func(w *Want) { w.Version = "../dolt/2.2.0" }},
		{"setting", SettingRefused, "listener.port", func(w *Want) { w.Settings = map[string]string{"listener.port": "1"} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := w
			tt.want(&w)
			_, err := s.Start(w)
			var p *Problem
			if !errors.As(err, &p) || p.Type != tt.kind || !strings.Contains(p.Message, tt.says) {
				t.Fatalf("%#v", err)
			}
			if _, err := s.Find(); !errors.Is(err, process.ErrNotRunning) {
				t.Fatalf("something runs: %v", err)
			}
		})
	}
}

func TestLastWords(t *testing.T) {
	t.Parallel()
	s, w := New(newPlace(t), slog.New(slog.DiscardHandler)), newWant(t)
	w.Settings = map[string]string{"no_such_key": "1"}
	if err := os.WriteFile(s.place.Log, []byte("no space left on device\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, s, w)
	if err := r.Wait(limited(t)); err != nil {
		t.Fatal(err)
	}
	if got := s.LastWords(r); !strings.Contains(got, "no_such_key") || strings.Contains(got, "no space") {
		t.Fatalf("last words: %q", got)
	}
	if s.OutOfSpace(r) {
		t.Fatal("took an earlier server's words for this one's")
	}
}
