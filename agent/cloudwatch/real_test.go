package cloudwatch

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/mainstaydb/mainstay/agent/doltserver"
	"github.com/mainstaydb/mainstay/agent/freeport"
)

// bound is how long any wait may last: a start takes a fraction of a second, on
// a machine that runs all tests at once some seconds.
const bound = 60 * time.Second

// A database is a real dolt sql-server with its metrics on.
type database struct {
	*doltserver.Server
	want    doltserver.Want
	running *doltserver.Running
	url     string
}

func newDatabase(t *testing.T, version string) *database {
	t.Helper()
	build := os.Getenv("MAINSTAY_TEST_BUILD")
	if build == "" {
		t.Skip("MAINSTAY_TEST_BUILD is not set: run make test, which builds Dolt first")
	}
	dir, port := t.TempDir(), freeport.Take(t)
	cert, key := certificate(t)
	d := &database{
		want: doltserver.Want{Deployment: "d-1", Version: version, Password: "secret", Certificate: cert, Key: key},
		Server: doltserver.New(doltserver.Place{
			Volume: filepath.Join(dir, "volume"), PIDFile: filepath.Join(dir, "pid"), Log: filepath.Join(dir, "log"),
			Versions: filepath.Join(build, "dolt"), Host: "127.0.0.1", Port: freeport.Take(t), MetricsPort: port,
		}, slog.New(slog.DiscardHandler)),
		url: fmt.Sprintf("http://127.0.0.1:%d/metrics", port),
	}
	d.start(t)
	t.Cleanup(func() { d.kill(t) })
	return d
}

func certificate(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (d *database) start(t *testing.T) {
	t.Helper()
	var err error
	if d.running, err = d.Start(d.want); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	for err := d.Check(ctx, d.want); err != nil || d.text(t) == ""; err = d.Check(ctx, d.want) {
		if !d.running.Alive() || ctx.Err() != nil {
			t.Fatalf("does not serve: %v\n%s", err, d.LastWords(d.running))
		}
	}
}

func (d *database) kill(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	if err := d.running.Kill(ctx); err != nil {
		t.Error(err)
	}
}

// query connects and asks something, so many times.
func (d *database) query(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := d.Check(t.Context(), d.want); err != nil {
			t.Fatal(err)
		}
	}
}

// text is what Dolt says now; empty: nothing yet.
func (d *database) text(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(d.url) //nolint:noctx // loopback, in a test
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// measured is one turn's data by name.
func measured(t *testing.T, s *Shipper) map[string]types.MetricDatum {
	t.Helper()
	samples, err := s.scrape(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]types.MetricDatum{}
	for _, d := range s.data(Snapshot(serving), samples, time.Now()) {
		all[aws.ToString(d.MetricName)] = d
	}
	return all
}

func sumOf(values []float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

// TestRealDolt: gauges at once, counters from the second turn on, and a restart of
// the database counts from zero.
func TestRealDolt(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.2.0", "1.86.4"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, version)
			s := newShipper(t, Options{Client: script(nil), Board: serving, Metrics: d.url})
			defer s.http.CloseIdleConnections()
			first := measured(t, s)
			for _, name := range []string{"dss_concurrent_connections", "dss_concurrent_queries", "sys_cpu_usage", "sys_mem_usage", "sys_disk_usage"} {
				if first[name].Value == nil || *first[name].Value < 0 || len(first[name].Dimensions) != 4 {
					t.Errorf("%s: %+v", name, first[name])
				}
			}
			if _, there := first["dss_connects"]; there {
				t.Error("a counter was shipped before anybody knows what is new")
			}
			const n = 7
			d.query(t, n)
			second := measured(t, s)
			// A connection more may be under way from before.
			if got := aws.ToFloat64(second["dss_connects"].Value); got < n || got > n+1 {
				t.Errorf("%g connections, want %d", got, n)
			}
			if got := sumOf(second["dss_query_duration"].Counts); got < n {
				t.Errorf("%g queries, want at least %d: %+v", got, n, second["dss_query_duration"])
			}
			d.query(t, 30)
			_ = measured(t, s)
			d.kill(t)
			if _, err := s.scrape(t.Context()); err == nil {
				t.Error("a database that is gone was measured")
			}
			d.start(t)
			after := measured(t, s)
			if got := aws.ToFloat64(after["dss_connects"].Value); got < 1 || got > 30 {
				t.Errorf("%g connections since the restart", got)
			}
			t.Logf("%s: %d metrics; queries %v x %v", version, len(second), second["dss_query_duration"].Values, second["dss_query_duration"].Counts)
		})
	}
}

// TestTableIsWhole: what Dolt measures is in the table, or left out on purpose.
func TestTableIsWhole(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "2.2.0")
	leftOut := []string{"dss_dolt_version"}
	families := regexp.MustCompile(`(?m)^# TYPE ((?:dss|sys)_\S+)`).FindAllStringSubmatch(d.text(t), -1)
	if len(families) < 9 {
		t.Fatalf("Dolt has %d families", len(families))
	}
	for _, f := range families {
		if !slices.Contains(leftOut, f[1]) && !slices.ContainsFunc(doltMetrics, func(m Metric) bool { return m.Name == f[1] }) {
			t.Errorf("%s is not in the table", f[1])
		}
	}
}

// TestScrapeRefuses what is no answer of Dolt, and tells where to look.
func TestScrapeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		words  []string
	}{
		"something else": {200, "<html><body>hello</body></html>", []string{"metrics_port"}},
		"not there":      {404, "", []string{"404", "metrics_port"}},
		"without end":    {200, strings.Repeat("# nothing\n", 1<<19) + "half a li", nil},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{ReadHeaderTimeout: bound, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})}
		go func() { _ = server.Serve(l) }()
		var log bytes.Buffer
		s := newShipper(t, Options{Client: script(func(context.Context) error { return nil }), Board: serving,
			Metrics: "http://" + l.Addr().String() + "/metrics", Logger: slog.New(slog.NewTextHandler(&log, nil))})
		s.turn(t.Context())
		s.turn(t.Context())
		s.http.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if c.words != nil && strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%s: the log:\n%s", name, log.String())
		}
		for _, word := range c.words {
			if !strings.Contains(log.String(), word) {
				t.Errorf("%s: the log has no %q:\n%s", name, word, log.String())
			}
		}
	}
}
