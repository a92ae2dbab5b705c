package cloudwatch

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
)

// A wire keeps the bodies of requests, as they were before they were compressed.
type wire struct {
	mu         sync.Mutex
	bodies     [][]byte
	compressed int
}

func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	packed := r.Header.Get("Content-Encoding") == "gzip"
	if err == nil && packed {
		var unpacked io.Reader
		if unpacked, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, err = io.ReadAll(unpacked)
		}
	}
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bodies = append(w.bodies, body)
	if packed {
		w.compressed++
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/cbor") {
		rw.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		rw.Header().Set("Content-Type", "application/cbor")
		_, _ = rw.Write([]byte{0xbf, 0xff}) // an empty map
		return
	}
	rw.Header().Set("Content-Type", "text/xml")
	_, _ = io.WriteString(rw, "<PutMetricDataResponse><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PutMetricDataResponse>")
}

// TestWire: whatever the protocol, no request is larger than CloudWatch takes, all
// metrics are in one of them, and the SDK compresses.
func TestWire(t *testing.T) {
	t.Parallel()
	for name, protocol := range map[string]func(*sdk.Options){
		"the SDK's own": func(*sdk.Options) {},
		"the oldest":    func(o *sdk.Options) { o.Protocol = awsquery.New(schemas.GraniteServiceVersion20100801) },
	} {
		for what, shape := range map[string]struct{ n, name, values, requests int }{
			"many": {2500, 20, 0, 3}, "long names": {2500, 255, 0, 7}, "many values": {100, 20, 150, 4},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				w := &wire{}
				server := httptest.NewServer(w)
				defer server.Close()
				client := sdk.NewFromConfig(aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(server.URL),
					Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}, protocol)
				s := newShipper(t, Options{Client: client, Board: serving})
				var data []types.MetricDatum
				for i := range shape.n {
					d := types.MetricDatum{MetricName: aws.String(fmt.Sprintf("%s%d", strings.Repeat("ä", shape.name/2), i)), Unit: types.StandardUnitCount,
						Dimensions: s.dimensions(Snapshot(serving)), Timestamp: aws.Time(time.Now())}
					for v := range shape.values {
						d.Values, d.Counts = append(d.Values, 1/float64(v+3)), append(d.Counts, 1e6/float64(v+3))
					}
					data = append(data, d)
				}
				if err := s.ship(t.Context(), data); err != nil {
					t.Fatal(err)
				}
				count, largest := 0, 0
				for _, body := range w.bodies {
					count += bytes.Count(body, []byte("MetricName"))
					largest = max(largest, len(body))
				}
				if count != shape.n || largest > 1<<20 || len(w.bodies) > shape.requests || w.compressed != len(w.bodies) {
					t.Errorf("%d metrics in %d requests, %d of them compressed, the largest of %d bytes", count, len(w.bodies), w.compressed, largest)
				}
				t.Logf("%d requests, the largest of %d bytes", len(w.bodies), largest)
			})
		}
	}
}
