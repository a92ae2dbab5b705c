package repo

import (
	"fmt"
	"strings"
)

// escapes are what a string literal must not hold as it is.
var escapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", `\0`, "\n", `\n`, "\r", `\r`, "\x1a", `\Z`)

// interpolate puts the arguments in place of the question marks. At this version
// the engine takes no parameters in AS OF (it panics, and the connection hangs)
// nor in table functions, so none are handed to it at all. The statements with
// arguments are this package's own: no literal in them holds a question mark.
func interpolate(statement string, args []any) string {
	var b strings.Builder
	for _, arg := range args {
		before, after, ok := strings.Cut(statement, "?")
		if !ok {
			panic("repo: more arguments than question marks in " + statement)
		}
		b.WriteString(before)
		b.WriteString(literal(arg))
		statement = after
	}
	b.WriteString(statement)
	return b.String()
}

func literal(arg any) string {
	switch v := arg.(type) {
	case nil:
		return "NULL"
	case string:
		return "'" + escapes.Replace(v) + "'"
	case []byte:
		return "'" + escapes.Replace(string(v)) + "'"
	default:
		return fmt.Sprint(v)
	}
}
