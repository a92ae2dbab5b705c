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
)

// startTroubles are those that a database that runs does not have.
var startTroubles = []string{doltserver.VersionMissing, doltserver.PortTaken, doltserver.SettingRefused}

// holding returns a condition that holds, or nil.
func holding(s *agentpb.StatusResponse, kind string) *agentpb.Condition {
	for _, c := range s.GetConditions() {
		if c.GetType() == kind {
			return c
		}
	}
	return nil
}
