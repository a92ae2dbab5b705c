package daemon

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var yamlBlock = regexp.MustCompile("(?s)\n```yaml\n(.*?)```\n")

func page(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestExamples: the configurations that people copy from the pages are good.
func TestExamples(t *testing.T) {
	t.Parallel()
	for name, least := range map[string]int{"configuration.md": 3, "github.md": 1} {
		found := 0
		for _, b := range yamlBlock.FindAllStringSubmatch(page(t, name), -1) {
			if !strings.HasPrefix(b[1], "hub:") {
				continue // of something else
			}
			found++
			if _, err := parse([]byte(b[1]), anyHub); err != nil {
				t.Errorf("%s: %v in\n%s", name, err, b[1])
			}
		}
		if found < least {
			t.Errorf("%d examples were found in %s; the search does not work any more", found, name)
		}
	}
}

// TestEveryKeyIsOnThePage, and no other.
func TestEveryKeyIsOnThePage(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, key := range keysOf(reflect.TypeFor[Config](), "") {
		known[key] = true
	}
	told := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)` \\|").FindAllStringSubmatch(page(t, "configuration.md"), -1) {
		if told[m[1]] {
			t.Errorf("%s is told twice", m[1])
		}
		told[m[1]] = true
		if !known[m[1]] {
			t.Errorf("%s is told and there is no such key", m[1])
		}
	}
	for key := range known {
		// A section needs no line of its own where its keys have some.
		if !told[key] && !anyBelow(told, key) {
			t.Errorf("%s is not told", key)
		}
	}
}

func anyBelow(keys map[string]bool, section string) bool {
	for key := range keys {
		if strings.HasPrefix(key, section+".") {
			return true
		}
	}
	return false
}

// keysOf are the paths of all keys, sections among them.
func keysOf(t reflect.Type, above string) (keys []string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		path := above + t.Field(i).Tag.Get("yaml")
		keys = append(append(keys, path), keysOf(t.Field(i).Type, path+".")...)
	}
	return keys
}
