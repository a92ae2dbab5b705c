// Package plan decides what to do: from one deployment's row, what the ledger
// remembers, what the cloud and the agents report and the time, to actions, new
// slots, waits with reasons, and the state to be shown.
//
// It promises to be pure: the same input gives the same output, nothing is
// changed that was passed in, and there is no clock, logger, context or error in
// it. A plan for a world that is as wanted is empty. It never makes a second
// machine for a slot, never makes an empty volume where there was one before,
// never destroys under a gap, and never takes the volume from a machine whose
// database may still write.
//
// It does not carry anything out, and remembers nothing: package reconciler puts
// new slots on the ledger first and then acts. Deployment decides for one
// deployment, Fleet admits the decisions of all against the fleet's limits, and
// Forecast tells in advance what would follow if every action went well.
package plan
