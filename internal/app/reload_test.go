package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/internal/store"
)

// What only a restart takes up is not taken up by half: links do not lead to an
// address that the listener does not know yet.
func TestReloadLeavesWhatNeedsARestart(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "x.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.Background()) })
	a := &App{db: db, log: slog.New(slog.DiscardHandler), now: time.Now, metrics: newMetrics("test"), accounts: map[string]*Account{}}
	was, becomes := &configs.File{}, &configs.File{}
	was.Server.PublicURL, becomes.Server.PublicURL = "https://old.example", "https://new.example"
	was.Delivery.Expire, becomes.Delivery.Expire = time.Hour, time.Minute
	a.file.Store(was)
	if err := a.Reload(t.Context(), becomes); err != nil {
		t.Fatal(err)
	}
	if url := a.links().PublicURL; url != "https://old.example" {
		t.Errorf("before the restart, links lead to %s", url)
	}
	if expire := a.desk().Expire; expire != time.Minute {
		t.Errorf("answers wait for %s, want what was reloaded", expire)
	}
	if becomes.Server.PublicURL != "https://new.example" {
		t.Error("the configuration that was read is changed")
	}
}
