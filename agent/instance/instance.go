// Package instance makes an EC2 instance a machine of a fleet: from its metadata
// and its user data it writes machine.json, which the agent runs by.
//
// It promises: machine.json is written once, and anew only on another instance
// than the one it was written on, as when an image was made of a machine; then
// nothing of that machine's identity stays. User data is read strictly and holds
// no secret: anybody on the machine can read it. The instance's signed word on who
// it is comes from the metadata service alone.
//
// It does not run the agent.
package instance

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mainstaydb/mainstay/agent"
	"github.com/mainstaydb/mainstay/agent/durable"
	"github.com/mainstaydb/mainstay/agent/imds"
)

// Metadata answers what the metadata service knows. imds.Client is one.
type Metadata interface {
	Get(ctx context.Context, path string) ([]byte, error)
}

// The paths that are asked for.
const (
	pathID       = "latest/meta-data/instance-id"
	pathRegion   = "latest/meta-data/placement/region"
	pathIPv4     = "latest/meta-data/local-ipv4"
	pathIPv6     = "latest/meta-data/ipv6"
	pathUserData = "latest/user-data"
	pathDocument = "latest/dynamic/instance-identity/rsa2048"
)

// metricsPort is where the database tells its metrics, on loopback alone: whatever
// ships them is on the machine.
const metricsPort = 11228

// Config returns the configuration of the machine in dir, writing machine.json if
// this instance has none yet.
func Config(ctx context.Context, meta Metadata, dir string, log *slog.Logger) (agent.Config, error) {
	id, err := text(ctx, meta, pathID)
	if err != nil {
		return agent.Config{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return agent.Config{}, fmt.Errorf("make the machine's directory: %w", err)
	}
	config, err := agent.LoadConfig(dir)
	switch {
	case err == nil && config.MachineID == id:
	case err == nil:
		log.Warn("this disk is a copy of another machine's; it begins anew", "other", config.MachineID, "machine", id)
		if err := forget(dir); err != nil {
			return agent.Config{}, err
		}
		fallthrough
	case errors.Is(err, os.ErrNotExist):
		if err := write(ctx, meta, dir, id); err != nil {
			return agent.Config{}, err
		}
		log.Info("machine is set up", "machine", id, "dir", dir)
		config, err = agent.LoadConfig(dir)
	}
	if err != nil {
		return agent.Config{}, err
	}
	config.Documents = documents{meta}
	return config, nil
}

// forget removes what belongs to the machine whose disk was copied. The name of
// that machine goes last: a crash in between begins here again.
func forget(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look what another machine left: %w", err)
	}
	for _, e := range entries {
		if e.Name() == "machine.json" || e.Name() == "volumes" { // mount points: never gone through
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("remove what another machine left: %w", err)
		}
	}
	return durable.Remove(filepath.Join(dir, "machine.json"))
}

// write makes machine.json.
func write(ctx context.Context, meta Metadata, dir, id string) error {
	data, err := meta.Get(ctx, pathUserData)
	if errors.Is(err, imds.ErrNotFound) {
		return errors.New("this instance has no user data, so its fleet is not known; launch it by the control plane")
	}
	if err != nil {
		return err
	}
	user, err := Parse(data)
	if err != nil {
		return fmt.Errorf("the user data of this instance is not a fleet's, correct the launch: %w", err)
	}
	region, err := text(ctx, meta, pathRegion)
	if err != nil {
		return err
	}
	host, err := address(ctx, meta)
	if err != nil {
		return err
	}
	config := agent.Config{
		MachineID: id, Fleet: user.Fleet, Region: region, FleetCA: user.FleetCA, VersionsDir: user.VersionsDir,
		Listen: net.JoinHostPort(host, strconv.Itoa(user.AgentPort)), AddressFile: "agent.addr",
		Volume: "volume", Disk: agent.DiskEBS, SQLHost: host, SQLPort: user.SQLPort,
	}
	if user.Metrics {
		config.MetricsPort = metricsPort
	}
	encoded, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, "machine.json"), append(encoded, '\n'), 0o600)
}

// address is the instance's private one, which it keeps for life. A network
// without IPv4 has the other.
func address(ctx context.Context, meta Metadata) (string, error) {
	host, err := text(ctx, meta, pathIPv4)
	if errors.Is(err, imds.ErrNotFound) {
		host, err = text(ctx, meta, pathIPv6)
	}
	if err != nil {
		return "", err
	}
	if net.ParseIP(host) == nil {
		return "", fmt.Errorf("the metadata service says that this instance's address is %q, which is none", host)
	}
	return host, nil
}

// text is an answer of one word.
func text(ctx context.Context, meta Metadata, path string) (string, error) {
	data, err := meta.Get(ctx, path)
	if err != nil {
		return "", err
	}
	word := strings.TrimSpace(string(data))
	if word == "" || strings.ContainsAny(word, " \t\r\n") {
		return "", fmt.Errorf("the metadata service has %.40q at %s, want one word", word, path)
	}
	return word, nil
}

// documents implements agent.Documents.
type documents struct{ meta Metadata }

// Document implements agent.Documents.
func (d documents) Document(ctx context.Context) ([]byte, error) {
	data, err := d.meta.Get(ctx, pathDocument)
	if err != nil {
		return nil, err
	}
	// It comes in lines of base64, without the lines that PEM would have around.
	document, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(data)), ""))
	if err != nil {
		return nil, fmt.Errorf("decode the instance identity document: %w", err)
	}
	return document, nil
}
