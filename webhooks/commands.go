package webhooks

import (
	"regexp"
	"strings"
)

// A command is a line that speaks to us.
type command struct{ verb, argument string }

const (
	addressed = "/mainstay"
	// mostCommands bounds what one comment can ask for; nobody needs more than each
	// command once.
	mostCommands = 4
)

// fence is a line that a block of code begins or ends with: its marks, and what stands
// behind them.
var fence = regexp.MustCompile("^ {0,3}(`{3,}|~{3,})(.*)$")

// through reads a line that may be a fence, in a block of code that began with the
// marks open; empty: in none. after is where the next line is. The rules are those of
// GitHub's Markdown: people quote a block of code by a longer fence around it.
func through(open, line string) (after string, isFence bool) {
	m := fence.FindStringSubmatch(strings.TrimRight(line, " \t\r\n"))
	switch {
	case m == nil:
		return open, false
	case open == "":
		if m[1][0] == '`' && strings.Contains(m[2], "`") {
			return "", false // code within a line
		}
		return m[1], true
	case m[2] == "" && strings.HasPrefix(m[1], open):
		return "", true
	}
	return open, true
}

// commandsIn finds the commands of a comment, each once. What stands in a block of
// code is shown and not said.
func commandsIn(body string) []command {
	var found []command
	open := ""
	seen := map[command]bool{}
	for line := range strings.Lines(body) {
		after, isFence := through(open, line)
		if open = after; isFence {
			continue
		}
		c, ok := commandOf(line)
		if open != "" || !ok || seen[c] || len(found) == mostCommands {
			continue
		}
		seen[c] = true
		found = append(found, c)
	}
	return found
}

func commandOf(line string) (command, bool) {
	rest, ok := strings.CutPrefix(line, addressed)
	if !ok || rest != "" && !strings.ContainsAny(rest[:1], " \t\r\n") {
		return command{}, false
	}
	words := append(strings.Fields(rest), "", "")
	return command{strings.ToLower(words[0]), words[1]}, true
}
