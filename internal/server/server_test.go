package server

import (
	"io"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/deskbridge/deskbridge/connectors"
)

func newTestServer(t *testing.T, c Config, d Deps) *Server {
	t.Helper()
	if d.Log == nil {
		d.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if d.Clock == nil {
		d.Clock = connectors.SystemClock{}
	}
	if d.Metrics == nil {
		d.Metrics = prometheus.NewRegistry()
	}
	s := New(c, d)
	t.Cleanup(s.Stop)
	return s
}
