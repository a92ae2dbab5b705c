package cloudwatch

import (
	"slices"

	"github.com/mainstaydb/mainstay/agent/agentpb"
)

// A Snapshot is what the agent knows at a moment.
type Snapshot struct {
	Deployment string // id; empty: the machine has no order
	Name       string
	Up         bool // the database's process runs
	Serving    bool
	Restarts   int   // that no order asked for, since the agent's start or the last order
	VolumeSize int64 // 0: no volume, or its size is not known
	VolumeUsed int64
	DiskFull   bool
}

// diskFull is the agent's condition for it. Not imported: the agent may import this
// package.
const diskFull = "DiskFull"

// FromStatus is the snapshot in an agent's status.
func FromStatus(s *agentpb.StatusResponse) Snapshot {
	return Snapshot{
		Deployment: s.GetOrder().GetDeployment(), Name: s.GetOrder().GetName(),
		Up: s.GetDatabase().GetPid() != 0, Serving: s.GetDatabase().GetState() == agentpb.Database_SERVING,
		Restarts:   int(s.GetDatabase().GetRestarts()),
		VolumeSize: s.GetVolume().GetSizeBytes(), VolumeUsed: s.GetVolume().GetUsedBytes(),
		DiskFull: slices.ContainsFunc(s.GetConditions(), func(c *agentpb.Condition) bool { return c.GetType() == diskFull && c.GetStatus() }),
	}
}

// samples are the numbers of a snapshot, for agentMetrics.
func (b Snapshot) samples() []sample {
	numbers := map[string]float64{
		"database_up": truth(b.Up), "database_serving": truth(b.Serving), "database_restarts": float64(b.Restarts), "disk_full": truth(b.DiskFull),
	}
	if b.VolumeSize > 0 {
		numbers["volume_size_bytes"], numbers["volume_used_bytes"] = float64(b.VolumeSize), float64(b.VolumeUsed)
	}
	var samples []sample
	for _, m := range agentMetrics {
		if n, ok := numbers[m.Name]; ok {
			samples = append(samples, sample{metric: m, value: n, life: agentLife})
		}
	}
	return samples
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
