package hub

import (
	"strconv"
	"strings"
)

// quote writes a path as a YAML string that means itself after Dolt has expanded
// variables in it.
func quote(path string) string {
	return strconv.Quote(strings.ReplaceAll(path, "$", "$$"))
}
