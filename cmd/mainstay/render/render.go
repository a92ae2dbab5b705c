// Package render writes what commands found for people and for programs:
// aligned tables, JSON, and colour where a person is looking.
//
// It promises that a table's columns line up whatever colours are in it, that
// JSON is indented and ends with a newline, and that a stream which is no
// terminal, or a set NO_COLOR, never sees an escape code. Control characters in
// data are shown, never sent to the terminal. It decides nothing about what to
// print.
package render

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// JSON writes v indented.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false) // people read it, browsers do not
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// IsTerminal says whether a person is at the other end of the stream.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Size gives the width and height of the terminal, or 80 by 24 where there is
// none: what every terminal since the first can show.
func Size(stream any) (width, height int) {
	if f, ok := stream.(*os.File); ok {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}
	return 80, 24
}
