package github

import (
	"strings"
	"unicode/utf8"
)

const (
	// bodyLength is the most characters that GitHub takes in a comment, and in each part
	// of a check run. It counts code points.
	bodyLength = 65535
	// cutNote ends what was cut.
	cutNote = "\n\n---\n*The rest is left out here, as GitHub takes no more.*\n"
)

// cut shortens Markdown to a length in characters, at the end of a line where there is
// one. Code blocks and folded parts that the cut leaves open are closed, so that the
// note below it is read as what it is. An empty note is the common one.
func cut(body string, length int, note string) string {
	if utf8.RuneCountInString(body) <= length {
		return body
	}
	if note == "" {
		note = cutNote
	}
	room := length - utf8.RuneCountInString(note)
	for {
		kept := wholeLines(first(body, room))
		closed := kept + closing(kept) + note
		over := utf8.RuneCountInString(closed) - length
		if over <= 0 {
			return closed
		}
		if room -= over; room <= 0 {
			return first(strings.TrimSpace(note), length)
		}
	}
}

// first is so many characters from the beginning.
func first(s string, characters int) string {
	for i := range s {
		if characters <= 0 {
			return s[:i]
		}
		characters--
	}
	return s
}

// wholeLines leaves out the last line, or the last word, unless that is most of the
// text.
func wholeLines(s string) string {
	for _, end := range []string{"\n", " "} {
		if i := strings.LastIndex(s, end); i > len(s)/2 {
			return s[:i]
		}
	}
	return s
}

// closing ends what is open at the end of a piece of Markdown.
func closing(s string) string {
	fence, open := "", 0
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		mark := fenceOf(line)
		switch {
		case fence == "" && mark != "":
			fence = mark
		case fence != "" && strings.HasPrefix(mark, fence) && line == mark:
			fence = ""
		case fence == "":
			open += strings.Count(line, "<details") - strings.Count(line, "</details>")
		}
	}
	end := ""
	if fence != "" {
		end = "\n" + fence
	}
	return end + strings.Repeat("\n\n</details>", max(open, 0))
}

// fenceOf is the run of backquotes or tildes by which a line begins or ends a code
// block; empty: it does not.
func fenceOf(line string) string {
	for _, c := range []string{"`", "~"} {
		if n := len(line) - len(strings.TrimLeft(line, c)); n >= 3 {
			return line[:n]
		}
	}
	return ""
}
