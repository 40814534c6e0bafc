package server

import "github.com/prometheus/client_golang/prometheus"

// metrics are the server's own. Labels are routes of the mux, configured names
// and fixed words, so that a stranger cannot make new ones.
type metrics struct {
	requests *prometheus.HistogramVec
	webhooks *prometheus.CounterVec
	panics   prometheus.Counter
	streams  prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "deskbridge_http_request_seconds", Help: "Time to answer, by route, method and status.",
			Buckets: []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route", "method", "status"}),
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "deskbridge_webhooks_total",
			Help: "Calls of vendors by account and result: accepted, forged, malformed, too_large, slow, busy, unknown, panic, failed.",
		}, []string{"account", "result"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "deskbridge_http_panics_total", Help: "Handlers that broke down.",
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "deskbridge_event_streams", Help: "Open event streams.",
		}),
	}
	reg.MustRegister(m.requests, m.webhooks, m.panics, m.streams)
	return m
}
