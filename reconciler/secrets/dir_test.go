package secrets_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

func openDir(t *testing.T) (*secrets.Dir, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secrets")
	d, err := secrets.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return d, path
}

func TestDirCreateReturnsTheValueThatStands(t *testing.T) {
	t.Parallel()
	d, _ := openDir(t)
	if _, err := d.Get(t.Context(), "a/b"); !errors.Is(err, secrets.ErrNotFound) {
		t.Fatalf("Get before Create: %v, want ErrNotFound", err)
	}
	for _, value := range []string{"first", "second"} {
		got, err := d.Create(t.Context(), "a/b", []byte(value))
		if err != nil || string(got) != "first" {
			t.Fatalf("Create(%s) = %q, %v; want first", value, got, err)
		}
	}
}

// Two control planes that start together must end with one value.
func TestDirConcurrentCreatesAgree(t *testing.T) {
	t.Parallel()
	_, path := openDir(t)
	const writers = 16
	got := make([]string, writers)
	var group errgroup.Group
	for i := range writers {
		group.Go(func() error {
			own, err := secrets.OpenDir(path)
			if err != nil {
				return err
			}
			value, err := own.Create(t.Context(), "fleet/one", []byte(strings.Repeat("x", i+1)))
			got[i] = string(value)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i] != got[0] {
			t.Fatalf("writer %d got %q, writer 0 got %q", i, got[i], got[0])
		}
	}
}

func TestDirFilesAreForTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	d, path := openDir(t)
	if _, err := d.Create(t.Context(), "deployments/d/password", []byte("x")); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %04o", p, info.Mode().Perm())
		}
		if !e.IsDir() {
			files++
		}
		return nil
	})
	if err != nil || files != 1 {
		t.Fatalf("%d files, %v; want the secret and no temporary file", files, err)
	}
}

func TestDirRefuses(t *testing.T) {
	t.Parallel()
	open := t.TempDir()
	if err := os.Chmod(open, 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.OpenDir(open); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("a directory that the group can read: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.OpenDir(file); err == nil {
		t.Error("a file was taken as a directory")
	}
	d, _ := openDir(t)
	for _, name := range []string{"", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "A", "a b", strings.Repeat("a", 256)} {
		if _, err := d.Create(t.Context(), name, nil); err == nil {
			t.Errorf("Create took the name %q", name)
		}
		if _, err := d.Get(t.Context(), name); err == nil || errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("Get(%q): %v, want that the name is not valid", name, err)
		}
	}
}
