package agentclient

import (
	"reflect"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

var states = map[agentpb.Database_State]plan.DatabaseState{
	agentpb.Database_ABSENT:   plan.DatabaseAbsent,
	agentpb.Database_STARTING: plan.DatabaseStarting,
	agentpb.Database_SERVING:  plan.DatabaseServing,
	agentpb.Database_STOPPING: plan.DatabaseStopping,
	agentpb.Database_FAILED:   plan.DatabaseFailed,
}

// reportOf is what an enrolled agent's answer means to a plan.
func reportOf(s *agentpb.StatusResponse) plan.Agent {
	db := s.GetDatabase()
	r := plan.Agent{
		Reachable:       true,
		Enrolled:        true,
		Generation:      s.GetGeneration(),
		Order:           orderOf(s.GetOrder()),
		Database:        states[db.GetState()],
		DatabaseDetail:  db.GetDetail(),
		DatabaseVersion: db.GetVersion(),
		PID:             int(db.GetPid()),
		Host:            db.GetHost(),
		Port:            int(db.GetPort()),
		VolumeAttached:  s.GetVolume().GetAttached(),
		ListenerExpires: timeOf(s.GetListenerCertificateExpiresAt()),
		Version:         s.GetAgentVersion(),
	}
	for _, c := range s.GetConditions() {
		r.Conditions = append(r.Conditions, plan.Condition{
			Type: c.GetType(), Status: c.GetStatus(), Reason: c.GetReason(), Message: c.GetMessage(),
		})
	}
	return r
}

func orderOf(o *agentpb.Order) *plan.Order {
	if o == nil {
		return nil
	}
	return &plan.Order{
		Generation: o.GetGeneration(), Deployment: o.GetDeployment(), Name: o.GetName(),
		DoltVersion: o.GetDoltVersion(), DoltURL: o.GetDoltUrl(), DoltSHA256: o.GetDoltSha256(),
		Settings: o.GetSettings(), Certificate: o.GetCertificate(),
	}
}

func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// sameForPlan leaves out what people read and no decision depends on, and what
// moves while nothing happens: a condition's message may hold a measurement.
func sameForPlan(a, b plan.Agent) bool { return reflect.DeepEqual(essence(a), essence(b)) }

func essence(a plan.Agent) plan.Agent {
	a.Since, a.Error = time.Time{}, ""
	conditions := make([]plan.Condition, len(a.Conditions))
	for i, c := range a.Conditions {
		c.Message = ""
		conditions[i] = c
	}
	a.Conditions = conditions
	return a
}
