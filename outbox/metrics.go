package outbox

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are shared by all dispatchers of a process.
type Metrics struct {
	attempts *prometheus.CounterVec
	duration *prometheus.HistogramVec
	gate     *prometheus.GaugeVec
	running  *prometheus.GaugeVec
	lost     *prometheus.CounterVec
	unsaved  *prometheus.CounterVec
}

// NewMetrics registers the metrics with reg; nil registers them nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f, of := promauto.With(reg), []string{"lane", "account"}
	return &Metrics{
		attempts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "deskbridge_outbox_attempts_total",
			Help: "Claims that were worked, by outcome: accepted, an error's class, released, or panic.",
		}, []string{"lane", "account", "outcome"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "deskbridge_outbox_duration_seconds",
			Help:    "How long the work on one claim took.",
			Buckets: prometheus.ExponentialBuckets(0.002, 3, 11),
		}, of),
		gate: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "deskbridge_outbox_gate",
			Help: "Whether the account is worked: 0 fully, 1 throttled by the vendor, 2 probed after failures, 3 down.",
		}, of),
		running: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "deskbridge_outbox_running",
			Help: "Jobs under way.",
		}, of),
		lost: f.NewCounterVec(prometheus.CounterOpts{
			Name: "deskbridge_outbox_lost_total",
			Help: "Results dropped because another worker had taken the claim over.",
		}, of),
		unsaved: f.NewCounterVec(prometheus.CounterOpts{
			Name: "deskbridge_outbox_settle_errors_total",
			Help: "Times that the store could not record a result; it is tried again.",
		}, of),
	}
}
