// Package reconciler makes the world match the rows on main, for ever: it admits
// new commits, observes, lets package plan decide, claims the work on the branch
// status, acts, and records what it saw.
//
// It promises that nothing is done before the claim for it was pushed; that two
// control planes on one hub never do the same work; that one deployment's
// trouble holds up no other; that a commit which cannot be applied leaves the
// last good one in force; and that nothing is committed when nothing changed.
// It remembers no step: killed at any point, it looks again and plans again.
//
// It does not know any cloud, agent transport or database: those come in through
// the interfaces in ports.go.
package reconciler
