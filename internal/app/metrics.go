package app

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// metrics are what the daemon as a whole measures. Labels are configured
// names and fixed words only, so that their number is bounded.
type metrics struct {
	registry *prometheus.Registry
	inputs   *prometheus.CounterVec
	polled   *prometheus.GaugeVec
	state    *prometheus.GaugeVec
	gaps     *prometheus.CounterVec
	lines    *prometheus.CounterVec
}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		inputs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "deskbridge_inputs_total", Help: "Inputs recorded in the ledger, by account and outcome.",
		}, []string{"account", "outcome"}),
		polled: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "deskbridge_last_success_timestamp_seconds", Help: "When the account was last read with success.",
		}, []string{"account"}),
		state: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "deskbridge_account_up", Help: "1 connected, 0.5 degraded, 0 down.",
		}, []string{"account"}),
		gaps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "deskbridge_gaps_total", Help: "Inputs that only the comparison with the vendor's list has found.",
		}, []string{"account"}),
		lines: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "deskbridge_ticket_entries_total", Help: "Entries written on tickets or read there, by helpdesk and outcome.",
		}, []string{"account", "outcome"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "deskbridge_build_info", Help: "The running version.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.inputs, m.polled, m.state, m.gaps, m.lines, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(account string, r timeline.Result) {
	m.inputs.WithLabelValues(account, string(r.Outcome)).Inc()
}

// begin shows at 0 what alerts ask the increase of: Prometheus sees none in a
// series that begins with the first event.
func (m *metrics) begin(channel string) {
	m.inputs.WithLabelValues(channel, string(normalize.Quarantined)).Add(0)
	m.gaps.WithLabelValues(channel).Add(0)
}

func (m *metrics) setState(account, state string) {
	v := map[string]float64{"connected": 1, "degraded": 0.5}[state]
	m.state.WithLabelValues(account).Set(v)
}

// forget drops what was measured of an account that is no longer configured.
func (m *metrics) forget(account string) {
	m.polled.DeleteLabelValues(account)
	m.state.DeleteLabelValues(account)
}

// watchRoutes shows what the rules of helpdesks left behind.
func (m *metrics) watchRoutes(db *store.DB) {
	for name, c := range map[string]struct {
		help string
		of   func(store.Routing) int64
	}{
		"deskbridge_unrouted_conversations_total": {"Conversations that no helpdesk's rule took: nobody is told of them.", func(r store.Routing) int64 { return r.Unrouted }},
		"deskbridge_route_failures_total":         {"Times that a helpdesk's rule failed, which counts as no match.", func(r store.Routing) int64 { return r.Failures }},
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: c.help},
			func() float64 { return float64(c.of(db.Routing())) }))
	}
}

// work shows the outbox as the store counts it, at most every few seconds.
type work struct {
	store outbox.Store
	now   func() time.Time

	mu     sync.Mutex
	asked  time.Time
	counts []outbox.Count
}

const workEvery = 5 * time.Second

var (
	jobsDesc = prometheus.NewDesc("deskbridge_outbox_jobs", "Jobs that are neither done nor cancelled, by lane, account and state.", []string{"lane", "account", "state"}, nil)
	lagDesc  = prometheus.NewDesc("deskbridge_outbox_oldest_seconds", "Age of the oldest queued job.", []string{"lane", "account"}, nil)
)

func (w *work) Describe(ch chan<- *prometheus.Desc) {
	ch <- jobsDesc
	ch <- lagDesc
}

func (w *work) Collect(ch chan<- prometheus.Metric) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := w.now(); now.Sub(w.asked).Abs() > workEvery {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		counts, err := w.store.Counts(ctx)
		if err != nil {
			ch <- prometheus.NewInvalidMetric(jobsDesc, err)
			return
		}
		w.asked, w.counts = now, counts
	}
	for _, c := range w.counts {
		ch <- prometheus.MustNewConstMetric(jobsDesc, prometheus.GaugeValue, float64(c.N), string(c.Lane), c.Account, string(c.State))
		if c.State == outbox.Queued && !c.Oldest.IsZero() {
			ch <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, max(w.now().Sub(c.Oldest).Seconds(), 0), string(c.Lane), c.Account)
		}
	}
}
