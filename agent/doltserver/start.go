package doltserver

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/mainstaydb/mainstay/agent/durable"
	"github.com/mainstaydb/mainstay/agent/process"
	"github.com/mainstaydb/mainstay/agent/tcpport"
)

// Start starts the server and returns while it is still coming up; Check tells
// when it serves. An error that is a *Problem says what must be done first.
func (s *Server) Start(w Want) (*Running, error) {
	dolt, err := s.Program(w.Version)
	if err != nil {
		return nil, err
	}
	config, err := Render(s.place, w)
	if err != nil {
		return nil, err
	}
	if err := s.portsFree(); err != nil {
		return nil, err
	}
	if err := s.lay(config, w); err != nil {
		return nil, fmt.Errorf("prepare the volume for the database: %w", err)
	}
	env, err := s.environment()
	if err != nil {
		return nil, fmt.Errorf("prepare the administrator: %w", err)
	}
	offset, err := rotate(s.place.Log)
	if err != nil {
		return nil, err
	}
	p, err := process.Start(process.Spec{
		Path: dolt, Args: []string{"sql-server", "--config", s.place.config()}, Env: env,
		Dir: s.place.data(), Log: s.place.Log, PIDFile: s.place.PIDFile,
		Tags: map[string]string{
			tagVersion: w.Version, tagFingerprint: s.Fingerprint(w), tagLogOffset: strconv.FormatInt(offset, 10),
		},
	})
	if err != nil {
		return nil, err
	}
	s.log.Info("database started", "pid", p.PID(), "version", w.Version, "address", s.address())
	return running(p), nil
}

// lay writes the files that the server reads. All are written anew at every
// start, so they need not outlast a power cut.
func (s *Server) lay(config []byte, w Want) error {
	for _, dir := range []string{s.place.data(), s.place.cfg(), filepath.Join(s.place.root(), ".dolt")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	files := []struct {
		path string
		data []byte
	}{{s.place.config(), config}, {s.place.cert(), w.Certificate}, {s.place.key(), w.Key}, {s.place.version(), []byte(w.Version)}}
	for _, f := range files {
		if err := os.WriteFile(f.path, f.data, 0o600); err != nil {
			return err
		}
	}
	return quietDolt(filepath.Join(s.place.root(), ".dolt", "config_global.json"))
}

// quietDolt keeps the server from reporting its use to its makers: a managed
// fleet speaks only with those it was told of. Dolt keeps the server's own
// identity in the same file, so an existing one is left alone.
func quietDolt(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(`{"metrics.disabled":"true"}`)
	return errors.Join(err, f.Close())
}

// environment is all that the server's environment holds.
func (s *Server) environment() ([]string, error) {
	env := []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", // Dolt looks for git when a remote is a git one
		"HOME=" + s.place.root(),
		"DOLT_ROOT_PATH=" + s.place.root(), // the global configuration holds the cluster role: never share it
		"DOLT_DISABLE_EVENT_FLUSH=1",
	}
	if _, err := os.Stat(s.place.privileges()); !errors.Is(err, fs.ErrNotExist) {
		return env, err
	}
	password := newBootstrapPassword()
	if err := durable.WriteFile(s.place.bootstrap(), []byte(password), 0o600); err != nil {
		return nil, err
	}
	return append(env, "DOLT_ROOT_HOST=%", "DOLT_ROOT_PASSWORD="+password), nil
}

// portsFree tells a stranger's port before Dolt would, which says it in a log
// and after the volume was opened.
func (s *Server) portsFree() error {
	addresses := []string{s.address()}
	if s.place.MetricsPort != 0 {
		addresses = append(addresses, net.JoinHostPort("127.0.0.1", strconv.Itoa(s.place.MetricsPort)))
	}
	for _, address := range addresses {
		err := tcpport.Free(address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return problem(PortTaken, "InUse", "another program listens on %s; stop it, and the database starts by itself", address)
		}
		if err != nil {
			return fmt.Errorf("listen on %s: %w", address, err)
		}
	}
	return nil
}
