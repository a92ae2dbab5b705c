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

func page(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestExamplesOfThePage: what people copy from docs/configuration.md is good.
func TestExamplesOfThePage(t *testing.T) {
	t.Parallel()
	blocks := yamlBlock.FindAllStringSubmatch(page(t), -1)
	if len(blocks) < 3 {
		t.Fatalf("%d examples were found; the search does not work any more", len(blocks))
	}
	for _, b := range blocks {
		if _, err := parse([]byte(b[1]), anyHub); err != nil {
			t.Errorf("%v in\n%s", err, b[1])
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
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)` \\|").FindAllStringSubmatch(page(t), -1) {
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
