// Package e2e tries the whole of Mainstay as a person would: the real programs,
// real Dolt servers, MySQL clients over TLS, and signals that kill. Its tests are
// the scenarios that a release has to show.
//
// It promises to leave no process and no file behind, and to say which process it
// was otherwise. It links no Dolt: what it knows, it knows from the programs of
// the directory that MAINSTAY_TEST_BUILD names.
package e2e
