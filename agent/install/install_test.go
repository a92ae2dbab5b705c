package install

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent/fetch"
)

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// real is the real Dolt of this version.
func real(t *testing.T, version string) []byte {
	t.Helper()
	dir := os.Getenv("MAINSTAY_TEST_BUILD")
	if dir == "" {
		t.Skip("MAINSTAY_TEST_BUILD is not set: run make test, which builds Dolt first")
	}
	data, err := os.ReadFile(filepath.Join(dir, "dolt", version, "dolt"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// serve gives data at a URL.
func serve(t *testing.T, data []byte) (src fetch.Source, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}))
	t.Cleanup(server.Close)
	sum := sha256.Sum256(data)
	return fetch.Source{URL: server.URL + "/dolt", SHA256: hex.EncodeToString(sum[:])}, asked
}

type entry struct {
	name string
	kind byte
	data string
}

func archive(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var buffer bytes.Buffer
	packed, err := gzip.NewWriterLevel(&buffer, gzip.NoCompression) // a real Dolt takes its time otherwise
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(packed)
	for _, e := range entries {
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		header := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o755, Size: int64(len(e.data))}
		if e.kind == tar.TypeSymlink {
			header.Linkname, header.Size = e.data, 0
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if e.kind == tar.TypeReg {
			if _, err := w.Write([]byte(e.data)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), packed.Close()); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func quiet(int64, int64) {}

func TestInstallsRealDolt(t *testing.T) {
	t.Parallel()
	dolt := real(t, "2.2.0")
	tests := map[string][]byte{
		"program": dolt,
		"archive": archive(t, entry{name: "dolt-linux-amd64/LICENSES", data: "x"}, entry{name: "dolt-linux-amd64/bin/dolt", data: string(dolt)}),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, asked := serve(t, data)
			dir := filepath.Join(t.TempDir(), "versions")
			i := New(dir)
			for range 2 {
				if err := i.Install(limited(t), "2.2.0", src, quiet); err != nil {
					t.Fatal(err)
				}
			}
			if err := Prove(limited(t), filepath.Join(dir, "2.2.0", "dolt"), "2.2.0"); err != nil {
				t.Fatal(err)
			}
			if asked.Load() != 1 {
				t.Fatalf("fetched %d times", asked.Load())
			}
			left, err := os.ReadDir(filepath.Join(dir, ".fetch"))
			if err != nil || len(left) != 0 {
				t.Fatalf("left are %v, %v", left, err)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	says := "#!/bin/sh\necho dolt version "
	tests := map[string]struct {
		version string
		data    []byte
		says    string
	}{
		"another version":   {"2.2.0", []byte(says + "2.2.1\n"), `"dolt version 2.2.1"`},
		"not a program":     {"2.2.0", []byte("hello"), "does not run"},
		"a program's crash": {"2.2.0", []byte("#!/bin/sh\nexit 3\n"), "does not run"},
		"nothing in it":     {"2.2.0", archive(t, entry{name: "README", data: "x"}), "no bin/dolt"},
		"a link":            {"2.2.0", archive(t, entry{"bin/dolt", tar.TypeSymlink, "/bin/sh"}), "no bin/dolt"},
		"cut short":         {"2.2.0", archive(t, entry{name: "bin/dolt", data: says + "2.2.0\n" + strings.Repeat("#x", 1<<16)})[:4096], "ends too early"},
		"a path":            {"../2.2.0", nil, "no version"},
		"hidden":            {".fetch", nil, "no version"},
		"nothing":           {"", nil, "no version"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, _ := serve(t, tt.data)
			above := t.TempDir()
			dir := filepath.Join(above, "versions")
			i := New(dir)
			err := i.Install(limited(t), tt.version, src, quiet)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v, want %q", err, tt.says)
			}
			if tt.data != nil && !errors.Is(err, fetch.ErrWrong) {
				t.Fatalf("%v is not ErrWrong", err)
			}
			if _, err := os.Stat(filepath.Join(dir, tt.version, "dolt")); !os.IsNotExist(err) && tt.version != "" {
				t.Fatalf("it is there: %v", err)
			}
			if err := i.Clean("", fetch.Source{}); err != nil {
				t.Fatal(err)
			}
			if left, err := os.ReadDir(filepath.Join(dir, ".fetch")); err == nil && len(left) != 0 {
				t.Fatalf("left are %v", left)
			}
		})
	}
}

// TestNothingOutside: names in an archive do not choose where anything goes.
func TestNothingOutside(t *testing.T) {
	t.Parallel()
	src, _ := serve(t, archive(t,
		entry{name: "../../../escaped", data: "x"}, entry{"escape", tar.TypeSymlink, "../.."}, entry{name: "escape/through", data: "x"},
		entry{name: "../../../bin/dolt", data: "#!/bin/sh\necho dolt version 7.0.0\n"}))
	above := t.TempDir()
	dir := filepath.Join(above, "a", "versions")
	if err := New(dir).Install(limited(t), "7.0.0", src, quiet); err != nil {
		t.Fatal(err)
	}
	var found []string
	if err := filepath.WalkDir(above, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, strings.TrimPrefix(path, above+"/"))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0] != "a/versions/7.0.0/dolt" {
		t.Fatalf("files: %q", found)
	}
}

func TestUnpackedIsBounded(t *testing.T) {
	t.Parallel()
	err := write(endless{}, filepath.Join(t.TempDir(), "dolt"), 1<<20)
	if !errors.Is(err, fetch.ErrWrong) {
		t.Fatalf("endless: %v", err)
	}
}

// endless unpacks to more than any disk has.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
