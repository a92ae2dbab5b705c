package local

import (
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A launchRecord says what a token was used for. It is written before anything
// is made and never changes: a replay completes exactly this.
type launchRecord struct {
	Token string       `json:"token"`
	Items []launchItem `json:"items"`
}

// A launchItem is one machine of a launch.
type launchItem struct {
	Index        int              `json:"index"`
	Deployment   string           `json:"deployment"`
	Ordinal      int              `json:"ordinal"`
	Generation   int64            `json:"generation"`
	Zone         string           `json:"zone"`
	InstanceType string           `json:"instance_type"`
	Volume       *plan.VolumeSpec `json:"volume,omitempty"`
}

func (i launchItem) slot() plan.SlotID {
	return plan.SlotID{Deployment: i.Deployment, Ordinal: i.Ordinal, Generation: i.Generation}
}

func newLaunchRecord(batch []plan.Action) launchRecord {
	r := launchRecord{Token: batch[0].Token}
	for _, a := range batch {
		r.Items = append(r.Items, launchItem{
			Index: a.Index, Deployment: a.Slot.Deployment, Ordinal: a.Slot.Ordinal, Generation: a.Slot.Generation,
			Zone: a.Shape.Zone, InstanceType: a.Shape.InstanceType, Volume: a.Shape.Volume,
		})
	}
	return r
}

// A machineRecord is what the cloud knows of a machine from its launch on.
type machineRecord struct {
	ID         string    `json:"id"`
	Token      string    `json:"token"`
	launchItem           // inlined
	SQLPort    int       `json:"sql_port"` // at the launch; the agent's configuration has the present one
	LaunchedAt time.Time `json:"launched_at"`
}

// A machineConfig is what the agent reads: a contract with package agent. Paths
// are relative to the machine's directory.
type machineConfig struct {
	MachineID   string `json:"machine_id"`
	FleetCAPEM  string `json:"fleet_ca_pem"`
	Listen      string `json:"listen"`
	AddressFile string `json:"address_file"`
	TokenFile   string `json:"token_file"`
	Volume      string `json:"volume"`
	VersionsDir string `json:"versions_dir"`
	SQLHost     string `json:"sql_host"`
	SQLPort     int    `json:"sql_port"`
	MetricsPort int    `json:"metrics_port"`
}

// loopback is the only address that anything of this cloud listens on.
const loopback = "127.0.0.1"

func (c *Cloud) config(id string, port int) machineConfig {
	return machineConfig{
		MachineID: id, FleetCAPEM: string(c.opts.FleetCA), Listen: loopback + ":0",
		AddressFile: addressFile, TokenFile: tokenFile, Volume: volumeLink,
		VersionsDir: c.opts.VersionsDir, SQLHost: loopback, SQLPort: port,
	}
}

// A volumeRecord is a volume's volume.json; the agent reads id and size_gb.
type volumeRecord struct {
	ID         string `json:"id"`
	SizeGB     int    `json:"size_gb"`
	Deployment string `json:"deployment"`
	Ordinal    int    `json:"ordinal"`
	Type       string `json:"type,omitempty"`
	IOPS       int    `json:"iops,omitempty"`
	MiBps      int    `json:"mibps,omitempty"`
}
