// Command mainstay-agent is the program on a machine: it runs one database as the
// control plane orders. It puts package agent and package machine behind a
// command line, promises exit code 0 for done, 1 for failed and 2 for wrong
// usage, and holds no Dolt: it runs the one that is installed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

func main() {
	beModest()
	os.Exit(run(os.Args[1:]))
}

// beModest leaves the machine to the database. The agent waits nearly all of its
// time: one processor is plenty, and a heap of a few megabytes may grow several
// times before collecting it is worth the processor time.
func beModest() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "mainstay-agent: %v; see mainstay-agent --help\n", err)
		return 2
	default:
		fmt.Fprintf(os.Stderr, "mainstay-agent: %v\n", err)
		return 1
	}
}
