package render

import "strings"

// A Style colours text, or leaves it alone.
type Style struct{ on bool }

// NewStyle colours only for a terminal, and never against NO_COLOR, whose mere
// presence with any value is the wish (no-color.org).
func NewStyle(stream any, noColor string, termName string) Style {
	return Style{on: noColor == "" && termName != "dumb" && IsTerminal(stream)}
}

func (s Style) paint(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + reset
}

const reset = "\x1b[0m"

// clean makes a text visible, and leaves it the colour that paint gave it.
func (s Style) clean(text string) string {
	if inside, ok := strings.CutSuffix(text, reset); s.on && ok {
		for _, code := range []string{"1", "2", "31", "32", "33"} {
			if plain, ok := strings.CutPrefix(inside, "\x1b["+code+"m"); ok {
				return s.paint(code, Visible(plain))
			}
		}
	}
	return Visible(text)
}

// Good marks what is as it should be.
func (s Style) Good(text string) string { return s.paint("32", text) }

// Bad marks what needs a person.
func (s Style) Bad(text string) string { return s.paint("31", text) }

// Busy marks what is on its way.
func (s Style) Busy(text string) string { return s.paint("33", text) }

// Dim marks what is beside the point.
func (s Style) Dim(text string) string { return s.paint("2", text) }

// Bold marks headings.
func (s Style) Bold(text string) string { return s.paint("1", text) }
