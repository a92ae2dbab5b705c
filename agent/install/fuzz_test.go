package install

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/agent/fetch"
)

// FuzzVersion: a version that may be installed is a directory of its own among the
// versions, hidden from nobody, and so is what is fetched of it among the parts.
func FuzzVersion(f *testing.F) {
	sum := strings.Repeat("0f", 32)
	for _, version := range []string{"2.2.0", "", ".", "..", "../x", "a/../..", "/", "/etc", ".fetch", "a/", "\x00", "2.2.0\n", "2.2.0.d"} {
		f.Add(version, "https://dolt.example/dolt", sum)
		f.Add("2.2.0", version, version)
	}
	f.Fuzz(func(t *testing.T, version, url, sum string) {
		src := fetch.Source{URL: url, SHA256: sum}
		if CheckVersion(version) != nil || src.Check() != nil {
			return
		}
		i := New("/srv/versions")
		if target := filepath.Join(i.dir, version); filepath.Dir(target) != i.dir || strings.HasPrefix(filepath.Base(target), ".") {
			t.Errorf("%q is %s", version, target)
		}
		if part := i.part(version, src); filepath.Dir(part) != i.parts() || fetch.Workplace(part) == i.parts() {
			t.Errorf("%q of %v is fetched into %s", version, src, part)
		}
	})
}
