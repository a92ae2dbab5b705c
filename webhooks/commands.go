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

var fence = regexp.MustCompile("^ {0,3}(```|~~~)")

// commandsIn finds the commands of a comment, each once. What stands in a block of
// code is shown and not said.
func commandsIn(body string) []command {
	var found []command
	fenced := ""
	seen := map[command]bool{}
	for line := range strings.Lines(body) {
		if f := fence.FindStringSubmatch(line); f != nil && (fenced == "" || fenced == f[1]) {
			fenced = strings.TrimPrefix(f[1], fenced) // empty when it ends
			continue
		}
		c, ok := commandOf(line)
		if fenced != "" || !ok || seen[c] || len(found) == mostCommands {
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
