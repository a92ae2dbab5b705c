package reconciler_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ec2/ec2sim"
)

// weather is what the cloud's API does by chance in a story of a seed, until it is calm.
type weather struct {
	api    *ec2sim.API
	random *rand.Rand
	page   int // how many a page has when one fails
	note   func(format string, args ...any)
}

// weathers is how many kinds there are.
const weathers = 7

func (w weather) begin(kind int) {
	switch kind {
	case 0:
		w.fail("throttled", every("RequestLimitExceeded"))
	case 1:
		w.fail("credentials have ended", every("ExpiredToken"))
	case 2:
		zone := string("ab"[w.random.IntN(2)])
		w.fail("no capacity in "+zone, func(c ec2sim.Call) *ec2sim.Fault {
			if c.Action == "RunInstances" && strings.HasSuffix(c.Zone, zone) {
				return &ec2sim.Fault{Code: "InsufficientInstanceCapacity"}
			}
			return nil
		})
	case 3:
		w.fail("answers are lost", w.some(0.7, ec2sim.Fault{Code: "RequestTimeout", After: true}))
	case 4:
		w.fail("no answers", w.some(0.3, ec2sim.Fault{Hang: true, After: true}))
	case 5:
		w.fail("the second page fails", func(c ec2sim.Call) *ec2sim.Fault {
			if c.Page {
				return &ec2sim.Fault{Code: "InternalError"}
			}
			return nil
		})
		w.api.PageSize(w.page)
	case 6:
		d := time.Duration(10+w.random.IntN(50)) * time.Second
		w.note("listings lag by %s", d)
		w.api.Lag(d)
	}
}

func (w weather) calm() {
	w.api.Failing(nil)
	w.api.Lag(0)
	w.api.PageSize(0)
}

func (w weather) fail(what string, f func(ec2sim.Call) *ec2sim.Fault) {
	w.note("%s", what)
	w.api.Failing(f)
}

// some lets a share of the requests fail.
func (w weather) some(share float64, f ec2sim.Fault) func(ec2sim.Call) *ec2sim.Fault {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(w.random.Uint64(), 0))
	return func(ec2sim.Call) *ec2sim.Fault {
		mu.Lock()
		defer mu.Unlock()
		if r.Float64() < share {
			return &f
		}
		return nil
	}
}
