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

func urlOf(t *testing.T, engine string) string {
	if engine == "sqlite" {
		return "sqlite://" + filepath.Join(t.TempDir(), "deskbridge.db")
	}
	return testenv.Postgres(t)
}

// opener opens handles on one fresh database.
func opener(engine string) func(t *testing.T) storetest.Opener {
	return func(t *testing.T) storetest.Opener {
		url := urlOf(t, engine)
		return func(t *testing.T) *store.DB {
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
	}
}

func TestSuite(t *testing.T) {
	storetest.RestoreURL = urlOf
	t.Run("sqlite", func(t *testing.T) { storetest.Run(t, opener("sqlite")) })
	t.Run("postgres", func(t *testing.T) { storetest.Run(t, opener("postgres")) })
}
