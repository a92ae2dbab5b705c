package notes_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mainstaydb/mainstay/webhooks/notes"
)

func TestNotes(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "notes")
	n, err := notes.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{"../out", "", "pull-7", ".hidden", "a/b"}
	for _, key := range keys {
		if got, err := n.Get(key); err != nil || got != nil {
			t.Fatalf("%q: %q, %v", key, got, err)
		}
		for _, want := range []string{"one", "two"} {
			if err := n.Put(key, []byte(want)); err != nil {
				t.Fatal(err)
			}
			if got, err := n.Get(key); err != nil || string(got) != want {
				t.Fatalf("%q: %q, %v", key, got, err)
			}
		}
	}
	// A write that was cut short.
	if err := os.WriteFile(filepath.Join(dir, ".npull-9.json.123"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := n.Keys()
	slices.Sort(got)
	slices.Sort(keys)
	if err != nil || !slices.Equal(got, keys) {
		t.Errorf("%q, %v", got, err)
	}
	for _, key := range keys {
		if err := n.Delete(key); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := n.Keys(); err != nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
	if out, err := os.ReadDir(root); err != nil || len(out) != 1 {
		t.Errorf("something climbed out: %v, %v", out, err)
	}
}
