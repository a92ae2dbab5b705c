package agentclient

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// answers are of agents as they should be and as they should not.
func answers() []*agentpb.StatusResponse {
	long := strings.Repeat("é", 1<<16)
	lie := &agentpb.Condition{Type: "\x1b[2J", Status: true, Reason: "a\nb", Message: "\u009b2J\u202e" + long}
	many := make([]*agentpb.Condition, 500)
	for i := range many {
		many[i] = lie
	}
	return []*agentpb.StatusResponse{
		{},
		{MachineId: "m-1", Revision: 3, Generation: 2, AgentVersion: "0.4.0", Volume: &agentpb.Volume{Attached: true, SizeBytes: 1, UsedBytes: 2},
			Order:      &agentpb.Order{Generation: 2, Deployment: "d1", Name: "orders", DoltVersion: "2.2.0", Settings: map[string]string{"log_level": "info"}},
			Database:   &agentpb.Database{State: agentpb.Database_SERVING, Pid: 7, Version: "2.2.0", Host: "10.0.0.1", Port: 3306, Detail: "fine", StartedAt: timestamppb.Now()},
			Conditions: []*agentpb.Condition{{Type: "DiskFull", Status: true, Reason: "SoonFull", Message: "91 % of 10 GiB are used"}}, ListenerCertificateExpiresAt: timestamppb.Now()},
		{Generation: math.MinInt64, Volume: &agentpb.Volume{SizeBytes: -1, UsedBytes: math.MaxInt64}, Conditions: many, AgentVersion: long,
			Database: &agentpb.Database{State: 99, Pid: -1, Port: math.MinInt32, Host: long, Version: "\x1b]0;x\a", Detail: long, Restarts: -1},
			Order:    &agentpb.Order{Generation: -1, Name: lie.GetType(), DoltVersion: long, Settings: map[string]string{"": long}}},
		{Generation: math.MaxInt64, ListenerCertificateExpiresAt: &timestamppb.Timestamp{Seconds: math.MaxInt64, Nanos: -1}, Database: &agentpb.Database{Port: 65536}},
		{ListenerCertificateExpiresAt: &timestamppb.Timestamp{Seconds: -62135596801}},
		{ListenerCertificateExpiresAt: &timestamppb.Timestamp{Seconds: 253402300799, Nanos: 999999999}},
	}
}

// FuzzReport: whatever an agent says, its report fits into the ledger's columns, reads
// there as it was written, and holds nothing that a terminal obeys.
func FuzzReport(f *testing.F) {
	for _, a := range answers() {
		data, err := proto.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var answer agentpb.StatusResponse
		if proto.Unmarshal(data, &answer) != nil {
			return // gRPC does not let it through either
		}
		r := reportOf(&answer)
		if again := reportOf(&answer); !sameForPlan(r, again) {
			t.Errorf("the same answer is another report: %+v and %+v", r, again)
		}
		if r.Generation < 0 || r.PID < 0 || r.Port < 0 || r.Port > 65535 || r.ListenerExpires.Year() > 9999 || len(r.Conditions) > mostConditions {
			t.Errorf("absurd: %+v", r)
		}
		fits(t, r.DatabaseVersion, 32)
		fits(t, r.Version, 64)
		fits(t, r.Host, 255)
		fits(t, r.DatabaseDetail, 65535)
		joined := 0
		for _, c := range r.Conditions {
			fits(t, c.Type, 64)
			fits(t, c.Reason, 255)
			fits(t, c.Message, 65535)
			joined += len(c.Message) + len("; ")
		}
		if joined > 65535 {
			t.Errorf("conditions of one type are a message of %d bytes", joined)
		}
		if o := r.Order; o != nil {
			fits(t, o.Name, 255)
			fits(t, o.DoltVersion, 32)
		}
		kept(t, r)
	})
}

// fits: the text is one line of characters that are seen, and a column holds it.
func fits(t *testing.T, text string, most int) {
	t.Helper()
	if len(text) > most || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%d bytes are to fit into %d: %.300q", len(text), most, text)
	}
}

// kept: a report is on the ledger what it is here. Conditions are published with the
// deployment's, and times to the microsecond.
func kept(t *testing.T, r plan.Agent) {
	t.Helper()
	row := ledger.AgentRecords("m-1", r)[0]
	state, err := ledger.Decode(map[string][]specs.Row{row.Table: {row.Row}})
	if err != nil {
		t.Fatalf("the ledger could not be read with %+v: %v", r, err)
	}
	got := state.Agents["m-1"]
	r.Conditions, r.ListenerExpires = nil, r.ListenerExpires.Truncate(time.Microsecond)
	if r.Order != nil && len(r.Order.Settings) == 0 {
		r.Order.Settings = got.Order.Settings
	}
	if d := cmp.Diff(r, got); d != "" {
		t.Errorf("on the ledger it is another report (-said +kept):\n%s", d)
	}
}

// FuzzOrder: an order that an agent is given, and says that it has, is the order that
// was given: else it would be given for ever.
func FuzzOrder(f *testing.F) {
	f.Add(int64(1), "00000000-0000-0000-0000-000000000001", "orders", "2.2.0", "https://dolt.example/dolt.tar.gz", "00ff", "log_level", "debug", "")
	f.Add(int64(math.MaxInt64), "", "", "", "", "", "", "", strings.Repeat("f", 64))
	f.Add(int64(-1), "d", "n", "10.200.3000", "https://dölt.example/\u00a0", "", "system_variables.init_connect", "a\tb\u009b", "ff")
	f.Fuzz(func(t *testing.T, generation int64, deployment, name, version, url, sum, setting, value, certificate string) {
		for text, most := range map[string]int{deployment: longestName, name: longestName, version: longestVersion, sum: longestName, certificate: longestName} {
			if fit(text, most) != text {
				return // the rules of the rows let none of these through
			}
		}
		order := plan.Order{Generation: generation, Deployment: deployment, Name: name, DoltVersion: version, DoltURL: url, DoltSHA256: sum,
			Certificate: certificate, Settings: map[string]string{setting: value}}
		data, err := proto.Marshal(messageOf(order))
		if err != nil {
			return // no text: Dolt keeps none such
		}
		var message agentpb.Order
		if err := proto.Unmarshal(data, &message); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&order, orderOf(&message)); d != "" {
			t.Errorf("(-given +said):\n%s", d)
		}
	})
}

// FuzzSentence: whatever an agent answers to an order, what is said of it is a line.
func FuzzSentence(f *testing.F) {
	f.Add(uint32(codes.FailedPrecondition), "generation 3 is known")
	f.Add(uint32(codes.Internal), "\x1b[2J\r\nroot# ")
	f.Add(uint32(999), strings.Repeat("\u009b", 9999))
	f.Fuzz(func(t *testing.T, code uint32, message string) {
		err := status.Error(codes.Code(code), message)
		if err == nil {
			return
		}
		fits(t, absence(err).Error, 65535)
		var told *callError
		if err := (&Client{}).failed("deploy to", "m-1", err); !errors.As(err, &told) {
			t.Fatalf("%v is no sentence", err)
		}
		fits(t, told.Error(), 65535)
	})
}
