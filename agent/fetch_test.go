package agent

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/doltserver"
	"github.com/mainstaydb/mainstay/agent/process"
	"google.golang.org/protobuf/proto"
)

// A shelf gives the real Dolt 2.2.0 at a URL, when it is told to.
type shelf struct {
	url, sum string
	open     chan struct{} // closed: answers are given
	code     atomic.Int32  // what it answers meanwhile; 0: nothing
	asked    atomic.Int32
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	path := filepath.Join(build(t), "dolt", "2.2.0", "dolt")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	s := &shelf{sum: hex.EncodeToString(sum[:]), open: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if code := s.code.Load(); code != 0 {
			w.WriteHeader(int(code))
			return
		}
		select {
		case <-s.open:
		case <-r.Context().Done():
			return
		}
		http.ServeFile(w, r, path)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL + "/dolt"
	return s
}

// newUpgradeRig is a machine that has 1.86.4 alone.
func newUpgradeRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	versions := filepath.Join(t.TempDir(), "versions")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(build(t), "dolt", "1.86.4"), filepath.Join(versions, "1.86.4")); err != nil {
		t.Fatal(err)
	}
	r.config["versions_dir"] = versions
	r.configure()
	r.start()
	r.enrol()
	return r
}

func (s *shelf) order(req *agentpb.DeployRequest) *agentpb.DeployRequest {
	req = proto.CloneOf(req)
	req.Order.DoltVersion, req.Order.DoltUrl, req.Order.DoltSha256 = "2.2.0", s.url, s.sum
	return req
}

func TestUpgradeFromURLServesMeanwhile(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	r := newUpgradeRig(t)
	req := r.order()
	req.Order.DoltVersion = "1.86.4"
	r.deploy(req)
	before := r.serving()
	r.fill()

	t.Log("while it is fetched the old one serves, with a new certificate in the order too")
	next := s.order(req)
	fresh := r.order()
	next.ListenerCertificatePem, next.ListenerKeyPem = fresh.ListenerCertificatePem, fresh.ListenerKeyPem
	r.deploy(next)
	r.await("Fetching", func(st *agentpb.StatusResponse) bool { return holding(st, Fetching) != nil })
	r.stop()
	r.start()
	r.await("Fetching, after a restart of the agent", func(st *agentpb.StatusResponse) bool {
		db := st.GetDatabase()
		return holding(st, Fetching) != nil && db.GetState() == agentpb.Database_SERVING && db.GetPid() == before.GetPid() && db.GetVersion() == "1.86.4"
	})

	t.Log("a database that dies meanwhile comes back as what it was")
	killDatabase(r)
	again := r.another(before.GetPid())
	if again.GetVersion() != "1.86.4" {
		t.Fatalf("database %v", again)
	}
	r.kept()

	t.Log("and goes over once the new one is there")
	close(s.open)
	r.serving()
	r.mustQuery("SELECT dolt_version()", "2.2.0")
	r.kept()
	r.await("no conditions", func(st *agentpb.StatusResponse) bool { return len(st.GetConditions()) == 0 })
	if left, err := os.ReadDir(filepath.Join(r.config["versions_dir"].(string), ".fetch")); err != nil || len(left) != 0 {
		t.Fatalf("left are %v, %v", left, err)
	}
}

func killDatabase(r *rig) {
	r.t.Helper()
	p, err := process.Find(filepath.Join(r.dir, "run", "dolt.pid"))
	if err == nil {
		err = p.Kill(limited(r.t))
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestUpgradeThatCannotBeFetched(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.code.Store(http.StatusServiceUnavailable)
	close(s.open)
	r := newUpgradeRig(t)
	req := r.order()
	req.Order.DoltVersion = "1.86.4"
	r.deploy(req)
	before := r.serving()
	missing := func(reason, says string) {
		t.Helper()
		r.await(reason, func(st *agentpb.StatusResponse) bool {
			c, db := holding(st, doltserver.VersionMissing), st.GetDatabase()
			return c.GetReason() == reason && strings.Contains(c.GetMessage(), says) &&
				db.GetState() == agentpb.Database_SERVING && db.GetPid() == before.GetPid()
		})
	}

	t.Log("the server is down")
	r.deploy(s.order(req))
	missing("FetchFailed", "503")

	t.Log("it has another file")
	s.code.Store(0)
	wrong := s.order(req)
	wrong.Order.DoltSha256 = strings.Repeat("0", 64)
	r.deploy(wrong)
	missing("WrongProgram", s.sum)

	t.Log("it is another version")
	wrong = s.order(req)
	wrong.Order.DoltVersion = "2.2.1"
	r.deploy(wrong)
	missing("WrongProgram", "dolt version 2.2.0")

	t.Log("nobody said where from")
	wrong.Order.DoltUrl, wrong.Order.DoltSha256 = "", ""
	r.deploy(wrong)
	missing("NotInstalled", "1.86.4")

	t.Log("and back: nothing was stopped, nothing is left")
	r.deploy(req)
	st := r.await("no conditions", func(st *agentpb.StatusResponse) bool { return len(st.GetConditions()) == 0 })
	if got := st.GetDatabase(); got.GetPid() != before.GetPid() || got.GetRestarts() != 0 {
		t.Fatalf("database %v became %v", before, got)
	}
	until(t, func() bool {
		left, err := os.ReadDir(filepath.Join(r.config["versions_dir"].(string), ".fetch"))
		return err == nil && len(left) == 0
	})
}

func TestFirstProgramFromURL(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.code.Store(http.StatusNotFound)
	close(s.open)
	r := newRig(t)
	r.config["versions_dir"] = filepath.Join(t.TempDir(), "none", "yet")
	r.configure()
	r.start()
	r.enrol()
	r.deploy(s.order(r.order()))
	r.await("failure", func(st *agentpb.StatusResponse) bool {
		return st.GetDatabase().GetState() == agentpb.Database_FAILED && strings.Contains(st.GetDatabase().GetDetail(), "404")
	})
	s.code.Store(0)
	r.serving()
	r.mustQuery("SELECT dolt_version()", "2.2.0")
	if s.asked.Load() < 2 {
		t.Fatalf("asked %d times", s.asked.Load())
	}
}

func TestClientsKeepTheirConnectionWhileItIsFetched(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	r := newUpgradeRig(t)
	req := r.order()
	req.Order.DoltVersion = "1.86.4"
	r.deploy(req)
	r.serving()
	conn := r.client()
	r.deploy(s.order(req))
	r.await("Fetching", func(st *agentpb.StatusResponse) bool { return holding(st, Fetching) != nil })
	if err := asks(conn); err != nil {
		t.Fatalf("the open connection: %v", err)
	}
}

// client is one connection of a client, which does not make itself anew.
func (r *rig) client() *sql.Conn {
	r.t.Helper()
	db := r.database("the password")
	r.t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(limited(r.t))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func asks(conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	var one int
	if err := conn.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil || one != 1 {
		return fmt.Errorf("%d, %w", one, err)
	}
	return nil
}

func TestCertificateOfAnotherName(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	req := r.deployed()
	before := r.serving()
	req.Order.Certificate = "sha256:ab"
	r.deploy(req)
	next := r.another(before.GetPid())
	r.stop()
	r.start()
	st := r.await("an answer", func(*agentpb.StatusResponse) bool { return true })
	if st.GetDatabase().GetPid() != next.GetPid() || st.GetOrder().GetCertificate() != "sha256:ab" {
		t.Fatalf("after a restart of the agent: %v", st)
	}
}
