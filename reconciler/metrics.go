package reconciler

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// metrics are what the loop tells Prometheus.
type metrics struct {
	passes    prometheus.Counter
	passTime  prometheus.Histogram
	planTime  prometheus.Histogram
	actions   *prometheus.CounterVec
	actTime   *prometheus.HistogramVec
	calls     *prometheus.CounterVec
	waiting   prometheus.Gauge
	busy      prometheus.Gauge
	certEnd   prometheus.Gauge
	gaps      *prometheus.GaugeVec
	published prometheus.Counter
	lost      prometheus.Counter
	refused   prometheus.Counter
	hubErrors prometheus.Counter
	lag       prometheus.Histogram
}

// fast are buckets for what should take milliseconds, slow for what waits for
// machines; both in seconds.
var (
	fast = prometheus.ExponentialBuckets(0.0001, 4, 9)
	slow = prometheus.ExponentialBuckets(0.01, 3, 10)
)

func newMetrics(reg *prometheus.Registry) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "mainstay_" + name, Help: help})
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "mainstay_" + name, Help: help})
		reg.MustRegister(g)
		return g
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "mainstay_" + name, Help: help, Buckets: buckets})
		reg.MustRegister(h)
		return h
	}
	m := &metrics{
		passes:    counter("passes_total", "Passes of the loop."),
		passTime:  histogram("pass_seconds", "Time of one pass, actions not included.", fast),
		planTime:  histogram("plan_seconds", "Time to decide for all deployments that changed in one pass.", fast),
		waiting:   gauge("deployments_waiting", "Deployments that are not as wanted and have no action under way."),
		busy:      gauge("deployments_busy", "Deployments with actions under way."),
		certEnd:   gauge("certificate_soonest_end_seconds", "When the first of the certificates that databases show ends, Unix time; 0: there is none."),
		published: counter("status_commits_total", "Commits pushed to the branch status."),
		lost:      counter("status_pushes_lost_total", "Pushes lost to another control plane."),
		refused:   counter("commits_refused_total", "Commits of main that a check refused."),
		hubErrors: counter("hub_errors_total", "Passes that ended because the hub could not be used."),
		lag:       histogram("convergence_seconds", "From a commit being seen to the fleet being as it says.", slow),
		actions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mainstay_actions_total",
			Help: "Actions by kind and result: done, conflict, unknown, failed."}, []string{"kind", "result"}),
		actTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "mainstay_action_seconds",
			Help: "Time of one action.", Buckets: slow}, []string{"kind"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mainstay_api_calls_total",
			Help: "Calls to the cloud and to agents, by call and result: done, partial, conflict, unknown, failed."}, []string{"call", "result"}),
		gaps: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mainstay_gap",
			Help: "1 while a kind of resource could not be listed whole."}, []string{"kind"}),
	}
	reg.MustRegister(m.actions, m.actTime, m.calls, m.gaps)
	return m
}

func (m *metrics) passed(d time.Duration) {
	m.passes.Inc()
	m.passTime.Observe(d.Seconds())
}

func (m *metrics) planned(d time.Duration) { m.planTime.Observe(d.Seconds()) }

func (m *metrics) acted(k plan.Kind, outcome string, d time.Duration) {
	m.actions.WithLabelValues(string(k), outcome).Inc()
	if k != plan.LaunchMachine {
		m.called(string(k), outcome)
	}
	m.actTime.WithLabelValues(string(k)).Observe(d.Seconds())
}

// called counts a call to the outside. A launch that several deployments share is
// one call and as many actions.
func (m *metrics) called(call, outcome string) { m.calls.WithLabelValues(call, outcome).Inc() }

// listed counts a listing of the cloud.
func (m *metrics) listed(g plan.Gaps) {
	if g != (plan.Gaps{}) {
		m.called("list", "partial")
		return
	}
	m.called("list", "done")
}

func (m *metrics) queue(waiting, busy int) {
	m.waiting.Set(float64(waiting))
	m.busy.Set(float64(busy))
}

func (m *metrics) gap(kind string, open bool) {
	v := 0.0
	if open {
		v = 1
	}
	m.gaps.WithLabelValues(kind).Set(v)
}

// noteConvergence measures the time from a commit being seen to nothing being
// left to do.
func (r *Reconciler) noteConvergence() {
	if r.desired.seen.IsZero() || len(r.desk.active) > 0 || len(r.desk.busy) > 0 || len(r.desk.dirty) > 0 {
		return
	}
	lag := time.Since(r.desired.seen)
	r.metrics.lag.Observe(lag.Seconds())
	r.log.Info("converged", "commit", r.state.Applied.Commit, "took", lag.Round(time.Millisecond).String())
	r.desired.seen = time.Time{}
}

func (m *metrics) certificatesEnd(soonest time.Time) {
	if soonest.IsZero() {
		m.certEnd.Set(0)
		return
	}
	m.certEnd.Set(float64(soonest.Unix()))
}
