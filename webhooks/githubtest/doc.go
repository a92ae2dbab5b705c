// Package githubtest is a GitHub for tests: an HTTP server that keeps repositories,
// pull requests and all else in memory, answers as GitHub's REST API does and posts
// what happens to a webhook.
//
// It promises that what was done by one request is seen by the next, that objects
// have the ids that git gives them, that a merge is git's by lines, and that limits,
// tokens, permissions, conditional requests and pages behave as GitHub documents. A
// test does as people do (it opens, pushes, merges, comments), reads what a program
// did, counts its requests, and decides what fails and how deliveries arrive.
//
// It is stricter than GitHub in one thing: nobody reads without a token. It knows no
// GraphQL, no reviews, no branch protection, no check suites of their own, no rebase,
// and no signed commits, and says at once whether a pull request can be merged, which
// GitHub finds out after a while. That its answers have GitHub's form is shown by
// package openapi.
package githubtest
