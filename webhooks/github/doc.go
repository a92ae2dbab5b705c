// Package github asks GitHub for what package webhooks needs of it, and puts there
// what it says: check runs, comments, deployment statuses, commits.
//
// It promises that every method may be called again after any failure with the same
// effect: what cannot be repeated is looked for first, and looked for again when an
// answer was lost. It stays within GitHub's limits: calls wait until they are allowed,
// as long as their context lasts; what is read again is asked for with its ETag, and
// what can never change is not asked for twice. Only what a repository holds as plain
// YAML files of moderate size is read; links out of it are refused. Comments of others
// that hold a mark of ours are not taken for ours.
//
// It runs nothing, decides nothing, and believes no delivery. A secret is read from
// where it is kept when it is needed, and is in no error and no log.
package github
