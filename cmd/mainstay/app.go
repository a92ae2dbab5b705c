package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
)

// An app is one run of the program: everything a command may touch.
type app struct {
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	getenv  func(string) string
	version string
	program string // as it was called, for lines to copy

	// The global flags.
	dir    string
	hub    string
	user   string
	output string

	wantAuthor string // of commits; empty: found out when one is made
}

// The exit codes, a contract with scripts.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
)

// A usageError is a fault of what was typed.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// A refusal is a check or a conflict that says no: the same command may pass
// after the repository changed.
type refusal struct{ err error }

func (e refusal) Error() string { return e.err.Error() }
func (e refusal) Unwrap() error { return e.err }

func refusef(format string, args ...any) error { return refusal{fmt.Errorf(format, args...)} }

// run carries out one command line and gives its exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := newRootCommand(a)
	root.SetArgs(args)
	if !servesLong(args) {
		// The control planes handle signals in their own way: a first one ends
		// them in order. Every other command ends at once and undoes nothing
		// half, as a push is all or nothing.
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
		defer stop()
	}
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	fmt.Fprintf(a.stderr, "mainstay: %s\n", sentence(err))
	return exitCode(err)
}

func servesLong(args []string) bool {
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			return arg == "up" || arg == "serve"
		}
	}
	return false
}

func exitCode(err error) int {
	var usage usageError
	var refused refusal
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &refused):
		return exitRefused
	}
	return exitFailed
}

// sentence makes an error fit for one line of a terminal.
func sentence(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	for i := range lines {
		lines[i] = render.Visible(strings.TrimSpace(lines[i]))
	}
	return strings.Join(lines, " ")
}

// style colours standard output where a person reads it.
func (a *app) style() render.Style {
	return render.NewStyle(a.stdout, a.getenv("NO_COLOR"), a.getenv("TERM"))
}

// json says whether data is for a program.
func (a *app) json() bool { return a.output == "json" }

// wantOutput refuses formats that the command does not have.
func (a *app) wantOutput(formats ...string) error {
	for _, f := range formats {
		if a.output == f {
			return nil
		}
	}
	return usagef("-o %s is not known here; choose one of: %s", a.output, strings.Join(formats, ", "))
}
