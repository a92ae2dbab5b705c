package cloudwatch

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"
	"github.com/google/uuid"
)

// A proxy stands before moto, looks at requests and can be told to fail.
type proxy struct {
	moto *httputil.ReverseProxy

	mu      sync.Mutex
	puts    int
	largest int64 // request, as sent
	fault   func(put int) (status int, code string)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	status, code := 0, ""
	p.puts++
	p.largest = max(p.largest, r.ContentLength)
	if p.fault != nil {
		status, code = p.fault(p.puts)
	}
	p.mu.Unlock()
	if status == 0 {
		p.moto.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>said by the test's proxy</Message></Error></ErrorResponse>", code)
}

// newMoto returns a client that ships through the proxy and one that asks moto.
func newMoto(t *testing.T) (p *proxy, ship, ask *sdk.Client) {
	t.Helper()
	endpoint := os.Getenv("MAINSTAY_TEST_MOTO")
	if endpoint == "" {
		t.Skip("MAINSTAY_TEST_MOTO does not name an endpoint: run make conformance")
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p = &proxy{moto: httputil.NewSingleHostReverseProxy(u)}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return p, newClient(server.URL), newClient(endpoint)
}

// newClient speaks the oldest of CloudWatch's three protocols, the one that moto
// understands too.
func newClient(endpoint string) *sdk.Client {
	return sdk.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(endpoint),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}, func(o *sdk.Options) { o.Protocol = awsquery.New(schemas.GraniteServiceVersion20100801) })
}

// statistics reads a metric back.
func statistics(t *testing.T, client *sdk.Client, s *Shipper, name string) types.Datapoint {
	t.Helper()
	out, err := client.GetMetricStatistics(t.Context(), &sdk.GetMetricStatisticsInput{
		Namespace: aws.String(s.opts.Namespace), MetricName: aws.String(name), Dimensions: s.dimensions(Snapshot(serving)), Period: aws.Int32(3600),
		StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now().Add(time.Hour)),
		Statistics: []types.Statistic{types.StatisticSum, types.StatisticAverage, types.StatisticSampleCount, types.StatisticMaximum},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Datapoints) == 0 {
		return types.Datapoint{}
	}
	return out.Datapoints[0]
}

// names are the metrics that CloudWatch has of a shipper.
func names(t *testing.T, client *sdk.Client, s *Shipper) map[string]int {
	t.Helper()
	all := map[string]int{}
	pages := sdk.NewListMetricsPaginator(client, &sdk.ListMetricsInput{Namespace: aws.String(s.opts.Namespace)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Metrics {
			all[aws.ToString(m.MetricName)] = len(m.Dimensions)
		}
	}
	return all
}

// TestMoto: what a real Dolt measured is in CloudWatch afterwards, with its numbers.
func TestMoto(t *testing.T) {
	t.Parallel()
	p, client, ask := newMoto(t)
	d := newDatabase(t, "2.2.0")
	s := newShipper(t, Options{Client: client, Board: serving, Metrics: d.url, Namespace: "Mainstay-" + uuid.NewString()})
	defer s.http.CloseIdleConnections()
	s.turn(t.Context())
	const n = 9
	d.query(t, n)
	s.turn(t.Context())
	if p.puts != 2 {
		t.Errorf("%d requests for two turns", p.puts)
	}
	if got := statistics(t, ask, s, "dss_connects"); aws.ToFloat64(got.Sum) < n || aws.ToFloat64(got.SampleCount) != 1 || got.Unit != types.StandardUnitCount {
		t.Errorf("dss_connects: sum %g of %g samples in %s", aws.ToFloat64(got.Sum), aws.ToFloat64(got.SampleCount), got.Unit)
	}
	queries := statistics(t, ask, s, "dss_query_duration")
	if aws.ToFloat64(queries.SampleCount) < n || aws.ToFloat64(queries.Maximum) > 10 || queries.Unit != types.StandardUnitSeconds {
		t.Errorf("dss_query_duration: %g samples up to %g %s", aws.ToFloat64(queries.SampleCount), aws.ToFloat64(queries.Maximum), queries.Unit)
	}
	if got := statistics(t, ask, s, "volume_used_bytes"); aws.ToFloat64(got.Average) != 5<<30 || aws.ToFloat64(got.SampleCount) != 2 {
		t.Errorf("volume_used_bytes: %+v", got)
	}
	all := names(t, ask, s)
	for _, m := range Metrics() {
		replication := m.Name == "dss_is_replica" || m.Name == "dss_replication_lag"
		if dimensions, there := all[m.Name]; there == replication || there && dimensions != 4 {
			t.Errorf("%s: there %v, with %d dimensions", m.Name, there, dimensions)
		}
	}
	t.Logf("%d metrics a turn, largest request %d bytes; %g queries took %.4f s in all", len(all), p.largest,
		aws.ToFloat64(queries.SampleCount), aws.ToFloat64(queries.Sum))
}

// TestMotoFaults: what passes is tried again, what does not is dropped; both are
// gaps at worst, and told once.
func TestMotoFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		code    string
		failing int // first requests
		puts    int // of two turns
		words   string
		samples float64
	}{
		"throttled for a moment": {400, "ThrottlingException", 2, 4, "", 2},
		"throttled":              {400, "ThrottlingException", 3, 4, "ThrottlingException", 1},
		"denied":                 {403, "AccessDenied", 99, 2, "cloudwatch:PutMetricData", 0},
		"expired":                {403, "ExpiredToken", 1, 2, "role", 1},
		"broken":                 {500, "InternalServiceFault", 1, 2, "InternalServiceFault", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, client, ask := newMoto(t)
			p.fault = func(put int) (int, string) {
				if put <= c.failing {
					return c.status, c.code
				}
				return 0, ""
			}
			var log bytes.Buffer
			s := newShipper(t, Options{Client: client, Board: serving, Namespace: "Mainstay-" + uuid.NewString(),
				Logger: slog.New(slog.NewTextHandler(&log, nil))})
			s.pause = time.Millisecond
			s.turn(t.Context())
			s.turn(t.Context())
			if p.puts != c.puts {
				t.Errorf("%d requests, want %d", p.puts, c.puts)
			}
			if got := aws.ToFloat64(statistics(t, ask, s, "database_up").SampleCount); got != c.samples {
				t.Errorf("%g samples arrived, want %g", got, c.samples)
			}
			if warnings := strings.Count(log.String(), "level=WARN"); (warnings == 1) != (c.words != "") || !strings.Contains(log.String(), c.words) {
				t.Errorf("the log:\n%s", log.String())
			}
		})
	}
}
