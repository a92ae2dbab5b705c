package secrets_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/reconciler/secrets"
	"github.com/mainstaydb/mainstay/reconciler/secrets/secretstest"
)

func TestDir(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	secretstest.Run(t, func(t *testing.T, place string) secrets.Store { return mustOpen(t, filepath.Join(root, place)) })
}

func mustOpen(t *testing.T, path string, options ...secrets.Option) *secrets.Dir {
	t.Helper()
	d, err := secrets.OpenDir(path, options...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func openDir(t *testing.T) (*secrets.Dir, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secrets")
	return mustOpen(t, path), path
}

func create(t *testing.T, s secrets.Store, name, value string) {
	t.Helper()
	if got, err := s.Create(t.Context(), name, []byte(value)); err != nil || string(got) != value {
		t.Fatalf("Create(%s) = %q, %v", name, got, err)
	}
}

func wantValue(t *testing.T, s secrets.Store, name, want string) {
	t.Helper()
	if got, err := s.Get(t.Context(), name); err != nil || string(got) != want {
		t.Fatalf("Get(%s) = %q, %v; want %q", name, got, err, want)
	}
}

// refuses wants an error with these words.
func refuses(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v; want %q in it", what, err, word)
		}
	}
}

// write puts a file into a store, past the store.
func write(t *testing.T, path, name, content string) {
	t.Helper()
	file := filepath.Join(path, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDirFilesAreForTheirOwnerAloneAndTellNothing(t *testing.T) {
	t.Parallel()
	d, path := openDir(t)
	create(t, d, "deployments/d/password", "correct horse")
	create(t, d, "deployments/e/password", "correct horse")
	var names []string
	err := filepath.WalkDir(filepath.Dir(path), func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if p != filepath.Dir(path) && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %04o", p, info.Mode().Perm())
		}
		if e.IsDir() {
			return nil
		}
		names = append(names, e.Name())
		if bytes.Contains(read(t, p), []byte("horse")) {
			t.Errorf("%s has the password in plain", p)
		}
		return nil
	})
	if err != nil || strings.Join(names, " ") != ".encrypted password password secrets.key" {
		t.Fatalf("files %q, %v; want the secrets, the mark, the key and nothing temporary", names, err)
	}
	if bytes.Equal(read(t, d2(path, "d")), read(t, d2(path, "e"))) {
		t.Error("the same value twice is the same file: whoever has a copy learns who shares a password")
	}
}

func d2(path, deployment string) string {
	return filepath.Join(path, "deployments", deployment, "password")
}

func TestDirRefusesPlaces(t *testing.T) {
	t.Parallel()
	open := t.TempDir()
	if err := os.Chmod(open, 0o750); err != nil {
		t.Fatal(err)
	}
	_, err := secrets.OpenDir(open)
	refuses(t, "a directory that the group can read", err, "chmod 700")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = secrets.OpenDir(file)
	refuses(t, "a file", err, "not a directory")
	path := filepath.Join(t.TempDir(), "secrets")
	_, err = secrets.OpenDir(path, secrets.KeyFile(filepath.Join(path, "key")))
	refuses(t, "a key in the store", err, "another directory")
	_, err = secrets.OpenDir(path, secrets.ReadOnly())
	refuses(t, "a store that is not there, to look at", err, path)
	_, err = secrets.OpenDir(path, secrets.KeyFile(filepath.Join(path+"-nowhere", "key")))
	refuses(t, "a key that cannot be made", err, "key", path+"-nowhere")
}

func TestDirKeyElsewhere(t *testing.T) {
	t.Parallel()
	path, key := filepath.Join(t.TempDir(), "secrets"), filepath.Join(t.TempDir(), "apart")
	create(t, mustOpen(t, path, secrets.KeyFile(key)), "a", "value")
	wantValue(t, mustOpen(t, path, secrets.KeyFile(key)), "a", "value")
	_, err := secrets.OpenDir(path)
	refuses(t, "the store without its key", err, "missing", path+".key")
	if _, err := os.Stat(path + ".key"); err == nil {
		t.Error("a key was made for a store that has one")
	}
}

// TestDirKeys: whatever is wrong with the key, the store is not opened, nothing
// changes in it, and no new key is made.
func TestDirKeys(t *testing.T) {
	t.Parallel()
	_, otherPath := openDir(t)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path, key string)
		words []string
	}{
		"missing":    {func(t *testing.T, _, key string) { remove(t, key) }, []string{"missing", "copy"}},
		"of another": {func(t *testing.T, _, key string) { copyFile(t, otherPath+".key", key) }, []string{"not the key", "copy"}},
		"no key":     {func(t *testing.T, path, key string) { write(t, filepath.Dir(key), filepath.Base(key), "hello\n") }, []string{"not a key", "backup"}},
		"cut short":  {func(t *testing.T, _, key string) { truncate(t, key) }, []string{"not a key", "backup"}},
		"open":       {func(t *testing.T, _, key string) { chmod(t, key, 0o640) }, []string{"others", "chmod 600"}},
		"no mark":    {func(t *testing.T, path, key string) { remove(t, key); remove(t, filepath.Join(path, ".encrypted")) }, []string{"missing"}},
		"other, none": {func(t *testing.T, path, key string) {
			copyFile(t, otherPath+".key", key)
			remove(t, filepath.Join(path, ".encrypted"))
		}, []string{"not the key"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, path := openDir(t)
			create(t, d, "a", "value")
			copyFile(t, path+".key", path+".kept")
			c.spoil(t, path, path+".key")
			write(t, path, "plain", "plain")
			for _, options := range [][]secrets.Option{nil, {secrets.ReadOnly()}} {
				d, err := secrets.OpenDir(path, options...)
				if err == nil && options != nil { // without its mark a store is opened to look at
					_, err = d.Get(t.Context(), "a")
				}
				refuses(t, name, err, c.words...)
				if err != nil && strings.Contains(err.Error(), keyText(t, path+".kept")) {
					t.Errorf("the error has the key: %v", err)
				}
			}
			if string(read(t, filepath.Join(path, "plain"))) != "plain" {
				t.Error("the store was changed")
			}
			remove(t, filepath.Join(path, "plain"))
			copyFile(t, path+".kept", path+".key")
			chmod(t, path+".key", 0o600)
			wantValue(t, mustOpen(t, path), "a", "value")
		})
	}
}

func TestDirTellsDamage(t *testing.T) {
	t.Parallel()
	d, path := openDir(t)
	create(t, d, "a", "value of a")
	create(t, d, "b", "value of b")
	whole := read(t, filepath.Join(path, "a"))
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	for name, c := range map[string]struct {
		content []byte
		word    string
	}{
		"a bit flipped":         {flipped, "damaged"},
		"cut short":             {whole[:len(whole)-1], "damaged"},
		"only its header":       {whole[:40], "damaged"},
		"another secret's file": {read(t, filepath.Join(path, "b")), "another secret"},
		"another store's":       {bytes.Replace(whole, whole[18:20], []byte("zz"), 1), "encrypted with the key"},
		"empty":                 {nil, "not encrypted"},
		"plain":                 {[]byte("put there"), "not encrypted"},
	} {
		write(t, path, "a", string(c.content))
		value, err := d.Get(t.Context(), "a")
		refuses(t, name, err, c.word, "secret a", "backup")
		if value != nil {
			t.Errorf("%s: a value came back", name)
		}
		// What stands is not replaced, whatever it is.
		_, err = d.Create(t.Context(), "a", []byte("new"))
		refuses(t, name+", created again", err, c.word)
	}
	wantValue(t, d, "b", "value of b")
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.WriteFile(to, read(t, from), 0o600); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, bytes.TrimSpace(read(t, path))[:len(read(t, path))-20], 0o600); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// keyText is the secret part of a key file.
func keyText(t *testing.T, path string) string {
	t.Helper()
	_, text, ok := strings.Cut(string(read(t, path)), "mainstay-key-1 ")
	if !ok {
		t.Fatalf("%s is no key", path)
	}
	return strings.TrimSpace(text)
}
