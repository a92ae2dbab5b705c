// Package markdown writes what Mainstay says on GitHub, with other people's words in
// it that do nothing there.
//
// It promises that a text given to Code or Plain mentions nobody, links nowhere, shows
// no picture, and cannot end the table, the comment or the line it stands in; and that
// Fit keeps to a length by leaving out whole rows and saying how many. It knows
// nothing of what is said.
package markdown

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// HTML is text that may be put on a page as it is.
type HTML string

// longestCell is how much of one value is shown, in characters: enough for any name
// or setting and a sentence or two. What is longer is read in the diff.
const longestCell = 300

// Code shows somebody's text as it is. GitHub resolves no mention, number, link or
// picture inside of code, and nothing is Markdown inside of a block of HTML, so that
// HTML's own few characters are all there is to escape.
func Code(s string) HTML {
	return HTML("<code>" + html.EscapeString(Plain(s, longestCell)) + "</code>")
}

// Link is a link to an address of ours.
func Link(text, url string) HTML {
	return HTML(`<a href="` + html.EscapeString(url) + `">` + html.EscapeString(text) + "</a>")
}

// Plain is somebody's text on one line of at most so many characters, for where
// GitHub shows text alone. What would not be seen, or would turn the text around, is
// spelled out.
func Plain(s string, longest int) string {
	var b strings.Builder
	for n := 0; s != ""; n++ {
		if n == longest {
			b.WriteString("…")
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		b.WriteString(visible(r, s[:size]))
		s = s[size:]
	}
	return b.String()
}

var loud = regexp.MustCompile(`(^|[^0-9A-Za-z])([@#]|GH-)`)

// Quiet is somebody's text for a commit's message, where it must not call people or
// close issues. Addresses stay what they are.
func Quiet(s string) string { return loud.ReplaceAllString(s, "$1$2\u200b") }

func visible(r rune, raw string) string {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case r == '\n':
		return `\n`
	case r == '\t':
		return " "
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co):
		return fmt.Sprintf(`\u%04x`, r)
	}
	return string(r)
}
