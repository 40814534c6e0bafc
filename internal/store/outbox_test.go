package store_test

import (
	"path/filepath"
	"testing"

	"github.com/deskbridge/deskbridge/internal/store/storetest"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

func TestOutbox(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		storetest.Outbox(t, func(t testing.TB) string { return "sqlite://" + filepath.Join(t.TempDir(), "x.db") })
	})
	t.Run("postgres", func(t *testing.T) { storetest.Outbox(t, testenv.Postgres) })
}
