package agentclient

import (
	"reflect"
	"time"
	"unique"

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
		Generation:      max(s.GetGeneration(), 0),
		Order:           orderOf(s.GetOrder()),
		Database:        states[db.GetState()],
		DatabaseDetail:  fit(db.GetDetail(), longestText),
		DatabaseVersion: shared(fit(db.GetVersion(), longestVersion)),
		PID:             max(int(db.GetPid()), 0),
		Host:            fit(db.GetHost(), longestName),
		Port:            portOf(db.GetPort()),
		VolumeAttached:  s.GetVolume().GetAttached(),
		ListenerExpires: timeOf(s.GetListenerCertificateExpiresAt()),
		Version:         shared(fit(s.GetAgentVersion(), longestAgentVersion)),
	}
	for _, c := range s.GetConditions()[:min(len(s.GetConditions()), mostConditions)] {
		r.Conditions = append(r.Conditions, plan.Condition{
			Type: fit(c.GetType(), longestType), Status: c.GetStatus(), Reason: fit(c.GetReason(), longestName), Message: fit(c.GetMessage(), longestText),
		})
	}
	return r
}

// shared is a text that many machines say, kept once.
func shared(text string) string { return unique.Make(text).Value() }

// messageOf is an order as agents are given it.
func messageOf(o plan.Order) *agentpb.Order {
	return &agentpb.Order{
		Generation: o.Generation, Deployment: o.Deployment, Name: o.Name,
		DoltVersion: o.DoltVersion, DoltUrl: o.DoltURL, DoltSha256: o.DoltSHA256,
		Settings: o.Settings, Certificate: o.Certificate,
	}
}

// orderOf is an order that an agent says it has. What rows may hold of it fits; the
// values of settings and the URL are what they are, to be compared with the row's.
func orderOf(o *agentpb.Order) *plan.Order {
	if o == nil {
		return nil
	}
	return &plan.Order{
		Generation: o.GetGeneration(), Deployment: fit(o.GetDeployment(), longestName), Name: fit(o.GetName(), longestName),
		DoltVersion: shared(fit(o.GetDoltVersion(), longestVersion)), DoltURL: shared(o.GetDoltUrl()), DoltSHA256: shared(fit(o.GetDoltSha256(), longestName)),
		Settings: o.GetSettings(), Certificate: fit(o.GetCertificate(), longestName),
	}
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
