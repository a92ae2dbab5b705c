package repo

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dolthub/dolt/go/cmd/dolt/cli"
	"github.com/dolthub/dolt/go/libraries/utils/iohelp"
	"github.com/sirupsen/logrus"
)

// silence keeps the engine, made for a command line, from writing to the terminal
// of a program that links it: progress goes to cli's stream, and the store logs
// through logrus. Both are globals of the engine's, so once is enough.
var silence = sync.OnceFunc(func() {
	cli.CliOut = iohelp.NopWrCloser(io.Discard)
	logrus.SetOutput(io.Discard)
})

// stampUsageEvent makes the driver believe that a usage event went out just now:
// it sends none within a day of the last. Its own switch, DOLT_METRICS_DISABLED,
// is read before main begins, too early for a program to set it.
func stampUsageEvent(clone string) {
	if !isDir(clone) {
		return // nothing is sent when there is no database to open
	}
	file := filepath.Join(clone, ".dolt", "temptf", "dolt_embedded_metrics")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return // without the file the driver sends nothing either
	}
	if err := os.WriteFile(file, nil, 0o600); err == nil {
		_ = os.Chtimes(file, time.Now(), time.Now())
	}
}

// engineRoot names where the engine looks for its user's configuration.
const engineRoot = "DOLT_ROOT_PATH"

// giveEngineRoot keeps the engine out of the home directory of whoever runs this
// program. It would write a configuration there, and a push fails without one: a
// service account has no home. The environment is the engine's only switch for
// it; programs that this process starts get an environment of their own.
func giveEngineRoot(dir string) error {
	if os.Getenv(engineRoot) != "" {
		return nil
	}
	root := filepath.Join(dir, ".engine")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return fmt.Errorf("the engine's directory %s cannot be made: %w", root, err)
	}
	return os.Setenv(engineRoot, root)
}
