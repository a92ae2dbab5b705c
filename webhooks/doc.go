// Package webhooks keeps a fleet's repository and a GitHub repository of its files in
// step: a pull request there is a proposal here, and both histories agree.
//
// It promises that a delivery is believed in nothing but that something happened: the
// present state is read back from GitHub; that what was accepted is worked off, also
// after a crash, and what was never delivered is found by a sweep; that a pull request
// has one check run for each head and one comment; and that nobody commands by a
// comment who may not write to the repository.
//
// It runs nothing of a repository, a fork's least of all: its files are data. It does
// not know GitHub's protocol (package github does) nor the fleet's repository (what is
// behind Fleet does).
package webhooks
