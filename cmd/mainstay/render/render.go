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
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// JSON writes v indented.
func JSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false) // people read it, browsers do not
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	if _, err := io.WriteString(w, escapeControls(b.String())); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// escapeControls writes the control characters from 7F on as JSON may: its encoder
// leaves them as they are, and some terminals obey them. They are in texts alone.
func escapeControls(s string) string {
	if !strings.ContainsFunc(s, lateControl) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if lateControl(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func lateControl(r rune) bool { return r >= 0x7f && unicode.IsControl(r) }

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
