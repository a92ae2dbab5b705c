package instance

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
)

// UserData is what a control plane launches its machines with: the same for all,
// as JSON. It is no secret.
type UserData struct {
	Fleet   string `json:"fleet"`
	FleetCA string `json:"fleet_ca_pem"`
	// AgentPort is where the agent listens; 0: 7700.
	AgentPort int `json:"agent_port,omitempty"`
	// SQLPort is where the database listens; 0: 3306.
	SQLPort int `json:"sql_port,omitempty"`
	// Metrics has the database tell its metrics, on loopback.
	Metrics bool `json:"metrics,omitempty"`
	// VersionsDir holds <version>/dolt; empty: where the image has it.
	VersionsDir string `json:"versions_dir,omitempty"`
}

const (
	defaultAgentPort   = 7700 // of every control plane that was told of no other
	defaultSQLPort     = 3306 // MySQL's own
	defaultVersionsDir = "/opt/mainstay/dolt"
)

// Text is the user data as it is handed to EC2.
func (u UserData) Text() (string, error) {
	if err := u.complete().check(); err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(u, "", "  ")
	return string(data) + "\n", err
}

// Parse reads user data strictly, and fills in what it leaves open.
func Parse(data []byte) (UserData, error) {
	var u UserData
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&u); err != nil {
		return UserData{}, fmt.Errorf("want a JSON document with fleet and fleet_ca_pem: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return UserData{}, errors.New("something follows the JSON document; remove it")
	}
	u = u.complete()
	return u, u.check()
}

func (u UserData) complete() UserData {
	if u.AgentPort == 0 {
		u.AgentPort = defaultAgentPort
	}
	if u.SQLPort == 0 {
		u.SQLPort = defaultSQLPort
	}
	if u.VersionsDir == "" {
		u.VersionsDir = defaultVersionsDir
	}
	return u
}

// fleetForm is what names of log groups and tags have in common.
var fleetForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (u UserData) check() error {
	var errs []error
	if !fleetForm.MatchString(u.Fleet) {
		errs = append(errs, fmt.Errorf("fleet is %q, want up to 64 letters, digits, dots, dashes and underscores", u.Fleet))
	}
	if !x509.NewCertPool().AppendCertsFromPEM([]byte(u.FleetCA)) {
		errs = append(errs, errors.New("fleet_ca_pem holds no certificate"))
	}
	for _, p := range []struct {
		name  string
		value int
	}{{"agent_port", u.AgentPort}, {"sql_port", u.SQLPort}} {
		if p.value < 1 || p.value > 65535 {
			errs = append(errs, fmt.Errorf("%s %d is no port", p.name, p.value))
		}
	}
	if u.AgentPort == u.SQLPort {
		errs = append(errs, fmt.Errorf("agent_port and sql_port are both %d", u.SQLPort))
	}
	if !filepath.IsAbs(u.VersionsDir) {
		errs = append(errs, fmt.Errorf("versions_dir is %q, want a path from the root", u.VersionsDir))
	}
	return errors.Join(errs...)
}
