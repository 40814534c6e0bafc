package store_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/store/storetest"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func openStore(t *testing.T, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := db.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func TestSuite(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "deskbridge.db") }, openStore)
	})
	t.Run("postgres", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) string { return testenv.Postgres(t) }, openStore)
	})
}
