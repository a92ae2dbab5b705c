package doltserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
)

const (
	// logLimit is when the log is set aside: some days of a busy server's
	// warnings, and small enough to read whole. One older part is kept.
	logLimit = 16 << 20
	// tailSize is how much of a log's end is looked at: enough for any message
	// that Dolt ends with, and bounded however long its lines are.
	tailSize = 16 << 10
	// tailLines is how many of them people are shown.
	tailLines = 5
)

// RotateLog sets the log aside when it has grown too long. The server goes on
// writing to the same file: its end is copied and the file cut short, so lines
// written in that very moment can be lost.
func (s *Server) RotateLog() error {
	_, err := rotate(s.place.Log)
	return err
}

func rotate(path string) (size int64, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at the database's log: %w", err)
	}
	if info.Size() < logLimit {
		return info.Size(), nil
	}
	if err := copyFile(path, path+".1"); err != nil {
		return 0, fmt.Errorf("set the database's log aside: %w", err)
	}
	if err := os.Truncate(path, 0); err != nil {
		return 0, fmt.Errorf("cut the database's log short: %w", err)
	}
	return 0, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// LastWords returns the last lines that this server wrote, and not those of one
// before it. Of a crash it shows what came before the stack.
func (s *Server) LastWords(r *Running) string {
	return lastWords(readEnd(s.place.Log, r.logOffset))
}

// stackFrame matches the lines of a stack that Dolt prints of its own accord, and
// empty ones.
var stackFrame = regexp.MustCompile(`^\s*$|^\s*created by |^\s*[\w.-]+/\S+\(.*\)$|\.go:\d+( \+0x[0-9a-f]+)?$`)

func lastWords(text string) string {
	text, _, _ = strings.Cut(text, "\ngoroutine ")
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), stackFrame.MatchString)
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return strings.Join(lines, "\n")
}

// OutOfSpace tells whether the server has complained of a full disk lately.
func (s *Server) OutOfSpace(r *Running) bool {
	return strings.Contains(readEnd(s.place.Log, r.logOffset), "no space left on device")
}

// readEnd returns the end of a log, from offset at the earliest. A log that
// cannot be read is an empty one: it is shown, not relied upon.
func readEnd(path string, offset int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	if offset > info.Size() {
		offset = 0 // it was rotated meanwhile
	}
	offset = max(offset, info.Size()-tailSize)
	data, err := io.ReadAll(io.NewSectionReader(f, offset, info.Size()-offset))
	if err != nil {
		return ""
	}
	return string(bytes.ToValidUTF8(data, []byte("?")))
}
