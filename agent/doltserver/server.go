// Package doltserver runs one dolt sql-server: it renders its configuration,
// starts it, finds it again, tells whether it serves, and stops it gracefully.
//
// It promises: the server outlives the program that started it and is never
// started twice; the listener speaks TLS and, unless the settings say otherwise,
// nothing else; the administrator's password is never an argument and never in
// the server's environment (see administrator.go); what stops a server from
// starting is told as a Problem that names the next step.
//
// It decides nothing: when to start, restart and stop is up to package agent.
package doltserver

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mainstaydb/mainstay/agent/process"
)

// A Place is where a server lives. All paths are absolute.
type Place struct {
	Volume      string // directory of the data volume: all that must move with the data
	PIDFile     string // on the machine, not the volume: a pid means nothing elsewhere
	Log         string // file the server's output goes to
	Versions    string // directory of <version>/dolt
	Host        string
	Port        int
	MetricsPort int // on loopback; 0: no metrics
}

// A Want is what a server should be.
type Want struct {
	Deployment  string // id, a label of its metrics
	Version     string
	Settings    map[string]string
	Certificate []byte // PEM, leaf first
	Key         []byte // PEM
	// CertificateName says which certificate that is where the control plane keeps
	// several; empty: the fleet's own.
	CertificateName string
	// Password is the administrator's; Former are ones it may still have.
	Password string
	Former   []string
}

// A Server is the one server at a Place.
type Server struct {
	place Place
	log   *slog.Logger
}

// New returns the server at a place. It touches nothing.
func New(place Place, log *slog.Logger) *Server { return &Server{place: place, log: log} }

// A Running is a server process.
type Running struct {
	*process.Process
	Version string
	// Fingerprint is what it was started with: see Server.Fingerprint.
	Fingerprint string
	logOffset   int64
}

// Fingerprint is equal for two wants exactly if a server need not be restarted
// to go from one to the other. It covers what was asked for and not how it is
// rendered, so that a newer agent does not restart what an older one started.
func (s *Server) Fingerprint(w Want) string {
	data, err := json.Marshal(struct {
		Deployment, Version string
		Settings            map[string]string
		Certificate         []byte
		Listen              string
		MetricsPort         int
		// Left out while empty: agents before this field started what runs.
		CertificateName string `json:",omitempty"`
	}{w.Deployment, w.Version, w.Settings, w.Certificate, s.address(), s.place.MetricsPort, w.CertificateName})
	if err != nil {
		panic(err) // strings, numbers and bytes always encode
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Find returns the server if it runs, or process.ErrNotRunning.
func (s *Server) Find() (*Running, error) {
	p, err := process.Find(s.place.PIDFile)
	if err != nil {
		return nil, err
	}
	return running(p), nil
}

// The tags that a server's pid file carries.
const (
	tagVersion     = "version"
	tagFingerprint = "fingerprint"
	tagLogOffset   = "log_offset"
)

func running(p *process.Process) *Running {
	// A missing or odd offset reads the log from its beginning.
	offset, _ := strconv.ParseInt(p.Tag(tagLogOffset), 10, 64)
	return &Running{Process: p, Version: p.Tag(tagVersion), Fingerprint: p.Tag(tagFingerprint), logOffset: offset}
}

func (s *Server) address() string { return net.JoinHostPort(s.place.Host, strconv.Itoa(s.place.Port)) }

// The files of a server on its volume.
func (p Place) data() string       { return filepath.Join(p.Volume, "data") }
func (p Place) own() string        { return filepath.Join(p.Volume, "mainstay", "server") }
func (p Place) root() string       { return filepath.Join(p.own(), "root") }
func (p Place) config() string     { return filepath.Join(p.own(), "config.yaml") }
func (p Place) cert() string       { return filepath.Join(p.own(), "listener.crt") }
func (p Place) key() string        { return filepath.Join(p.own(), "listener.key") }
func (p Place) version() string    { return filepath.Join(p.own(), "version") }
func (p Place) cfg() string        { return filepath.Join(p.own(), "cfg") }
func (p Place) privileges() string { return filepath.Join(p.cfg(), "privileges.db") }
func (p Place) bootstrap() string  { return filepath.Join(p.own(), "bootstrap.password") }

// StopGrace is how long a server may take to drain before it is killed. Dolt
// closes connections and its store in well under a second; a primary's last
// replication over a slow link is what needs the rest.
const StopGrace = 30 * time.Second
