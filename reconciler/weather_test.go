package reconciler_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ec2/ec2sim"
)

// A weather is what the cloud's API does by chance in a story of a seed, until it is calm.
type weather struct {
	name  string
	begin func(api *ec2sim.API, random *rand.Rand)
}

// weathers are all kinds there are.
var weathers = []weather{
	{"throttled", func(api *ec2sim.API, _ *rand.Rand) { api.Failing(every("RequestLimitExceeded")) }},
	{"credentials-ended", func(api *ec2sim.API, _ *rand.Rand) { api.Failing(every("ExpiredToken")) }},
	{"no-capacity", func(api *ec2sim.API, random *rand.Rand) {
		zone := string("ab"[random.IntN(2)])
		api.Failing(launches(func(c ec2sim.Call) bool { return strings.HasSuffix(c.Zone, zone) }, "InsufficientInstanceCapacity"))
	}},
	{"no-capacity-of-type", func(api *ec2sim.API, random *rand.Rand) {
		kind := instanceTypes[random.IntN(len(instanceTypes))]
		api.Failing(launches(func(c ec2sim.Call) bool { return c.Type == kind }, "InsufficientInstanceCapacity"))
	}},
	{"quota-used-up", func(api *ec2sim.API, _ *rand.Rand) {
		api.Failing(launches(func(ec2sim.Call) bool { return true }, "VcpuLimitExceeded"))
	}},
	{"answers-lost", func(api *ec2sim.API, random *rand.Rand) {
		api.Failing(some(random, 0.7, ec2sim.Fault{Code: "RequestTimeout", After: true}))
	}},
	{"no-answers", func(api *ec2sim.API, random *rand.Rand) {
		api.Failing(some(random, 0.3, ec2sim.Fault{Hang: true, After: true}))
	}},
	{"page-fails", func(api *ec2sim.API, random *rand.Rand) {
		api.Failing(func(c ec2sim.Call) *ec2sim.Fault {
			if c.Page {
				return &ec2sim.Fault{Code: "InternalError"}
			}
			return nil
		})
		api.PageSize(2 + random.IntN(4))
	}},
	{"listings-lag", func(api *ec2sim.API, random *rand.Rand) { api.Lag(time.Duration(10+random.IntN(50)) * time.Second) }},
	{"volumes-stick", func(api *ec2sim.API, _ *rand.Rand) { api.Stick(true) }},
}

// clearUp ends all of them.
func clearUp(api *ec2sim.API) {
	api.Failing(nil)
	api.Lag(0)
	api.PageSize(0)
	api.Stick(false)
}

func launches(which func(ec2sim.Call) bool, code string) func(ec2sim.Call) *ec2sim.Fault {
	return func(c ec2sim.Call) *ec2sim.Fault {
		if c.Action == "RunInstances" && which(c) {
			return &ec2sim.Fault{Code: code}
		}
		return nil
	}
}

// some lets a share of the requests fail.
func some(random *rand.Rand, share float64, f ec2sim.Fault) func(ec2sim.Call) *ec2sim.Fault {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(random.Uint64(), 0))
	return func(ec2sim.Call) *ec2sim.Fault {
		mu.Lock()
		defer mu.Unlock()
		if r.Float64() < share {
			return &f
		}
		return nil
	}
}
