package agent

import (
	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/doltserver"
)

// The types of conditions that an agent reports. Those of doltserver come on top:
// VersionMissing, PortTaken, SettingRefused.
const (
	DiskFull             = "DiskFull"             // the volume is, or soon is, without room
	AdministratorRefused = "AdministratorRefused" // the database serves, but the agent cannot log in
	Unresponsive         = "Unresponsive"         // the database runs and does not answer
	OrderUnreadable      = "OrderUnreadable"      // what is stored on the volume is damaged
	VolumeUnusable       = "VolumeUnusable"       // a volume is attached and not mounted, or not as it should be
	AgentUpdateFailed    = "AgentUpdateFailed"    // a new version of the agent was taken back
	Fetching             = "Fetching"             // the wanted version of Dolt is on its way
)

// startTroubles are those that a database that runs does not have.
var startTroubles = []string{doltserver.PortTaken, doltserver.SettingRefused}

// programTroubles are those of a version that is wanted and not there. A database
// of another version may run meanwhile.
var programTroubles = []string{doltserver.VersionMissing, Fetching}

// holding returns a condition that holds, or nil.
func holding(s *agentpb.StatusResponse, kind string) *agentpb.Condition {
	for _, c := range s.GetConditions() {
		if c.GetType() == kind {
			return c
		}
	}
	return nil
}
