package instance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent"
	"github.com/mainstaydb/mainstay/agent/imds"
)

// fake is a metadata service's content by path.
type fake map[string]string

func (f fake) Get(_ context.Context, path string) ([]byte, error) {
	if answer, ok := f[path]; ok {
		return []byte(answer), nil
	}
	return nil, fmt.Errorf("ask for %s: %w", path, imds.ErrNotFound)
}

func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func newFake(t *testing.T, user UserData) fake {
	t.Helper()
	user.Fleet, user.FleetCA = "prod", authority(t)
	data, err := user.Text()
	if err != nil {
		t.Fatal(err)
	}
	return fake{pathID: "i-0123\n", pathRegion: "eu-west-1", pathIPv4: "10.0.0.5", pathUserData: data, pathDocument: "AQID\nBAUG\n"}
}

func config(t *testing.T, f fake, dir string) (agent.Config, error) {
	t.Helper()
	return Config(t.Context(), f, dir, slog.New(slog.DiscardHandler))
}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	f := newFake(t, UserData{Metrics: true})
	dir := filepath.Join(t.TempDir(), "mainstay")
	c, err := config(t, f, dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.MachineID != "i-0123" || c.Fleet != "prod" || c.Region != "eu-west-1" || c.Listen != "10.0.0.5:7700" ||
		c.SQLHost != "10.0.0.5" || c.SQLPort != 3306 || c.MetricsPort != metricsPort || c.VersionsDir != "/opt/mainstay/dolt" ||
		c.Disk != agent.DiskEBS || c.Volume != filepath.Join(dir, "volume") || c.TokenFile != "" {
		t.Fatalf("config %+v", c)
	}
	if document, err := c.Documents.Document(t.Context()); err != nil || string(document) != "\x01\x02\x03\x04\x05\x06" {
		t.Fatalf("document %x, %v", document, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "machine.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("machine.json: %v, %v", info, err)
	}

	t.Log("the next start needs nothing but the id")
	again, err := config(t, fake{pathID: "i-0123"}, dir)
	if err != nil || again.Listen != c.Listen {
		t.Fatalf("config %+v, %v", again, err)
	}
}

func TestCopyOfAnotherMachine(t *testing.T) {
	t.Parallel()
	f := newFake(t, UserData{})
	dir := t.TempDir()
	if _, err := config(t, f, dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"agent.pem", "stopped.json", "run/dolt.pid", "volumes/vol-1/data"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("the other's"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f[pathID], f[pathIPv4] = "i-0456", "10.0.0.6"
	c, err := config(t, f, dir)
	if err != nil || c.MachineID != "i-0456" || c.SQLHost != "10.0.0.6" {
		t.Fatalf("config %+v, %v", c, err)
	}
	for name, want := range map[string]bool{"agent.pem": false, "stopped.json": false, "run/dolt.pid": false, "volumes/vol-1/data": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIPv6Alone(t *testing.T) {
	t.Parallel()
	f := newFake(t, UserData{AgentPort: 7701, SQLPort: 3307})
	delete(f, pathIPv4)
	f[pathIPv6] = "2001:db8::5"
	c, err := config(t, f, t.TempDir())
	if err != nil || c.Listen != "[2001:db8::5]:7701" || c.SQLHost != "2001:db8::5" || c.SQLPort != 3307 || c.MetricsPort != 0 {
		t.Fatalf("config %+v, %v", c, err)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(fake)
		says   string
	}{
		"no user data":  {func(f fake) { delete(f, pathUserData) }, "launch it by the control plane"},
		"no JSON":       {func(f fake) { f[pathUserData] = "#cloud-config\n" }, "JSON document"},
		"a secret":      {func(f fake) { f[pathUserData] = `{"fleet":"prod","password":"x"}` }, "password"},
		"two documents": {func(f fake) { f[pathUserData] += "{}" }, "follows"},
		"no id":         {func(f fake) { f[pathID] = "" }, "want one word"},
		"an error page": {func(f fake) { f[pathID] = "<html> sorry </html>" }, "want one word"},
		"no address":    {func(f fake) { delete(f, pathIPv4) }, "nothing there"},
		"odd address":   {func(f fake) { f[pathIPv4] = "localhost" }, "which is none"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, UserData{})
			tt.change(f)
			dir := t.TempDir()
			if _, err := config(t, f, dir); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v, want %q", err, tt.says)
			}
			if _, err := os.Stat(filepath.Join(dir, "machine.json")); !os.IsNotExist(err) {
				t.Fatalf("machine.json: %v", err)
			}
		})
	}
}

func TestUserData(t *testing.T) {
	t.Parallel()
	good := UserData{Fleet: "prod", FleetCA: authority(t)}
	tests := map[string]struct {
		change func(*UserData)
		says   string
	}{
		"good":        {func(*UserData) {}, ""},
		"no fleet":    {func(u *UserData) { u.Fleet = "" }, "fleet is"},
		"odd fleet":   {func(u *UserData) { u.Fleet = "a/b" }, "fleet is"},
		"no CA":       {func(u *UserData) { u.FleetCA = "x" }, "no certificate"},
		"odd port":    {func(u *UserData) { u.AgentPort = 70000 }, "70000"},
		"one port":    {func(u *UserData) { u.SQLPort = 7700 }, "both"},
		"a short dir": {func(u *UserData) { u.VersionsDir = "dolt" }, "from the root"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := good
			tt.change(&u)
			_, err := u.Text()
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v, want %q", err, tt.says)
			}
			data, err := json.Marshal(u)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Parse(data); (err == nil) != (tt.says == "") {
				t.Fatalf("read back: %v", err)
			}
		})
	}
}
