// Package deploy holds what a fleet in AWS is set up with: the image's recipe,
// policies, stacks, units, a dashboard and alert rules. It has no code. Its tests
// hold the files to one another and to the programs: the same policies in every
// place, every call that is made allowed, no metric that nobody has, a runbook for
// each alert. What takes the tools of their users is checked by make deploy-check.
package deploy
