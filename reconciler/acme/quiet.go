package acme

import (
	"io"
	"log"
	"sync"

	legolog "github.com/go-acme/lego/v4/log"
)

// silence keeps lego, made for a command line, from writing its retries to the
// terminal of a program that links it. The logger is lego's global, so once is
// enough.
var silence = sync.OnceFunc(func() { legolog.Logger = log.New(io.Discard, "", 0) })
