package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mainstaydb/mainstay/agent/alone"
	"github.com/mainstaydb/mainstay/agent/disk"
)

// Config is machine.json: what whoever makes machines tells the agent. Paths may
// be relative to the machine's directory.
type Config struct {
	MachineID   string `json:"machine_id"`
	FleetCA     string `json:"fleet_ca_pem"`
	Listen      string `json:"listen"`       // host:port; port 0: any
	AddressFile string `json:"address_file"` // where the agent says which port that is
	TokenFile   string `json:"token_file"`   // the one-time token; removed once used; empty: Documents take its place
	Volume      string `json:"volume"`       // directory of the data volume; absent: not attached
	VersionsDir string `json:"versions_dir"` // <version>/dolt
	SQLHost     string `json:"sql_host"`
	SQLPort     int    `json:"sql_port"`
	MetricsPort int    `json:"metrics_port"` // 0: no metrics
	// Disk says who brings the volume to its place: "ebs" is the agent itself, on
	// EC2; empty: whoever made the machine.
	Disk string `json:"disk,omitempty"`
	// Fleet and Region are what the machine's metrics are told apart by; empty:
	// nobody collects them.
	Fleet  string `json:"fleet,omitempty"`
	Region string `json:"region,omitempty"`

	// Documents is set by the program, where the machine's cloud vouches for it.
	Documents Documents `json:"-"`
	// Program is the file of the agent's program, which an update replaces; empty:
	// it cannot. Ready is called once the agent serves. Both are set by the program.
	Program string `json:"-"`
	Ready   func() `json:"-"`
	// FindVolume finds the device of a volume of EBS; nil: as package disk does.
	FindVolume func() (*disk.Device, error) `json:"-"`

	dir string
}

// LoadConfig reads machine.json in a machine's directory.
func LoadConfig(dir string) (Config, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Config{}, err
	}
	path := filepath.Join(dir, "machine.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("%s is not a machine's directory, give one that has machine.json with --dir: %w", dir, err)
	}
	config := Config{dir: dir}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return Config{}, fmt.Errorf("correct %s: %w", path, err)
	}
	for _, p := range []*string{&config.AddressFile, &config.TokenFile, &config.Volume, &config.VersionsDir} {
		*p = absolute(dir, *p)
	}
	if err := config.validate(); err != nil {
		return Config{}, fmt.Errorf("correct %s: %w", path, err)
	}
	return config, nil
}

func (c Config) validate() error {
	var errs []error
	for _, f := range []struct{ name, value string }{
		{"machine_id", c.MachineID}, {"fleet_ca_pem", c.FleetCA}, {"listen", c.Listen}, {"address_file", c.AddressFile},
		{"volume", c.Volume}, {"versions_dir", c.VersionsDir}, {"sql_host", c.SQLHost},
	} {
		if f.value == "" {
			errs = append(errs, fmt.Errorf("%s is missing", f.name))
		}
	}
	if c.SQLPort < 1 || c.SQLPort > 65535 {
		errs = append(errs, fmt.Errorf("sql_port %d is no port", c.SQLPort))
	}
	if c.Disk != "" && c.Disk != DiskEBS {
		errs = append(errs, fmt.Errorf("disk %q is not known, want %q or nothing", c.Disk, DiskEBS))
	}
	if c.MetricsPort < 0 || c.MetricsPort > 65535 {
		errs = append(errs, fmt.Errorf("metrics_port %d is no port", c.MetricsPort))
	}
	return errors.Join(errs...)
}

// DiskEBS: the volume is one of EBS, which the agent mounts.
const DiskEBS = "ebs"

func (c Config) runDir() string       { return filepath.Join(c.dir, "run") }
func (c Config) logDir() string       { return filepath.Join(c.dir, "log") }
func (c Config) stoppedFile() string  { return filepath.Join(c.dir, "stopped.json") }
func (c Config) identityFile() string { return filepath.Join(c.dir, "agent.pem") }

// DatabasePIDFile is where the database of the machine in dir is found by
// package process.
func DatabasePIDFile(dir string) string { return filepath.Join(dir, "run", "dolt.pid") }

// lockAgent keeps a second agent out of the machine's directory: two would each
// restart what the other stopped. The lock ends with the process, however it ends.
// It is on the directory of logs because the machine's own process has the other.
func lockAgent(c Config) (*alone.Lock, error) {
	lock, err := alone.Dir(c.logDir(), alone.Patience)
	switch {
	case errors.Is(err, alone.ErrTaken):
		err = fmt.Errorf("another agent runs in %s, stop it first: %w", c.dir, err)
	case err != nil:
		err = fmt.Errorf("lock the machine's directory: %w", err)
	}
	return lock, err
}
