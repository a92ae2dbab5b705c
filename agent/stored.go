package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/durable"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// formerKept is how many earlier passwords are remembered: a database that was
// down while the password changed has one of the last few.
const formerKept = 3

// errStore: the order was not accepted because it could not be kept.
var errStore = errors.New("the order cannot be stored on the volume, look at its disk")

// storedState is <volume>/mainstay/order.json. Its format outlives agents: fields
// are only added.
type storedState struct {
	MachineID  string       `json:"machine_id"` // the one it was given to
	Generation int64        `json:"generation"`
	Deployment string       `json:"deployment"`
	Order      *storedOrder `json:"order,omitempty"` // absent after Stop
}

type storedOrder struct {
	Name        string            `json:"name"`
	Deployment  string            `json:"deployment"`
	Generation  int64             `json:"generation"`
	DoltVersion string            `json:"dolt_version"`
	DoltURL     string            `json:"dolt_url,omitempty"`
	DoltSHA256  string            `json:"dolt_sha256,omitempty"`
	Settings    map[string]string `json:"settings,omitempty"`
	Certificate string            `json:"certificate,omitempty"`
}

// secrets is <volume>/mainstay/secrets.json, readable by the agent's user alone.
// It is one file, so that a certificate never meets another's key.
type secrets struct {
	Password    string   `json:"administrator_password"`
	Former      []string `json:"former_passwords,omitempty"`
	Certificate string   `json:"listener_certificate_pem"`
	Key         string   `json:"listener_key_pem"`
}

func (s secrets) equal(t secrets) bool {
	return s.Password == t.Password && s.Certificate == t.Certificate && s.Key == t.Key && slices.Equal(s.Former, t.Former)
}

func stored(o *agentpb.Order) *storedOrder {
	return &storedOrder{
		Name: o.GetName(), Deployment: o.GetDeployment(), Generation: o.GetGeneration(),
		DoltVersion: o.GetDoltVersion(), DoltURL: o.GetDoltUrl(), DoltSHA256: o.GetDoltSha256(),
		Settings: maps.Clone(o.GetSettings()), Certificate: o.GetCertificate(),
	}
}

func (o *storedOrder) message() *agentpb.Order {
	return &agentpb.Order{
		Name: o.Name, Deployment: o.Deployment, Generation: o.Generation,
		DoltVersion: o.DoltVersion, DoltUrl: o.DoltURL, DoltSha256: o.DoltSHA256,
		Settings: maps.Clone(o.Settings), Certificate: o.Certificate,
	}
}

func orderFile(volume string) string   { return filepath.Join(volume, "mainstay", "order.json") }
func secretsFile(volume string) string { return filepath.Join(volume, "mainstay", "secrets.json") }

// readStored returns zero values for a volume that was never used.
func readStored(volume string) (storedState, secrets, error) {
	var state storedState
	var kept secrets
	if err := readJSON(orderFile(volume), &state); err != nil {
		return storedState{}, secrets{}, err
	}
	if o := state.Order; o != nil && (o.Generation != state.Generation || o.Deployment != state.Deployment) {
		return storedState{}, secrets{}, fmt.Errorf("the stored order is damaged: it is not of the generation and deployment that the volume is of; "+
			"once no other machine uses the volume, remove %s", orderFile(volume))
	}
	if err := readJSON(secretsFile(volume), &kept); err != nil {
		return storedState{}, secrets{}, err
	}
	return state, kept, nil
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if notThere(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the stored order: %w", err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("the stored order is damaged; once no other machine uses the volume, remove %s: %w", path, err)
	}
	return nil
}

// writeStored stores the secrets first: new secrets with the old order are in
// order, the other way round an order might lack its secrets.
func writeStored(volume string, state storedState, kept *secrets) error {
	if err := os.MkdirAll(filepath.Join(volume, "mainstay"), 0o700); err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	if kept != nil {
		if err := writeJSON(secretsFile(volume), kept); err != nil {
			return err
		}
	}
	return writeJSON(orderFile(volume), state)
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err == nil {
		err = durable.WriteFile(path, append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return nil
}

// expiryOf is when a PEM certificate ends; nil when it cannot be told.
func expiryOf(certificate string) *timestamppb.Timestamp {
	leaf, _, err := parseChain([]byte(certificate))
	if err != nil {
		return nil
	}
	return timestamppb.New(leaf.NotAfter)
}
