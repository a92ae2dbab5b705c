// Command mainstay runs a fleet of Dolt servers from the rows of a Dolt
// repository: it is the command line and the control plane in one program.
//
// Every command is one file with one constructor. What they share is the app: the
// streams, the environment and the global flags. Exit codes are a contract: 0
// done, 1 failed, 2 wrong usage, 3 refused by a check or a conflict. Errors are
// one sentence on standard error that says what to do next; data goes to standard
// output alone. The decisions are in packages reconciler and reconciler/plan, the
// repository's in specs/repo; here they are put together.
package main

import (
	"context"
	"os"
)

// buildVersion is set by the linker; a plain go build leaves it empty.
var buildVersion string

func main() {
	a := &app{
		stdin:   os.Stdin,
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		getenv:  os.Getenv,
		version: buildVersion,
		program: os.Args[0],
	}
	os.Exit(a.run(context.Background(), os.Args[1:]))
}
