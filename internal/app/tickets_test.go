package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/internal/store"
)

// A helpdesk's answer that its connector cannot cope with costs a try, and not
// the daemon.
func TestAPanicOfAHelpdeskIsAnErrorOfIts(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "x.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.Background()) })
	w := &ticketWatch{app: &App{db: db, now: time.Now}, name: "desk", helpdesk: broken{}, log: slog.New(slog.DiscardHandler)}
	if e := connectors.Classify(w.look(t.Context(), 0)); e == nil || e.Class != connectors.Transient || e.Code != "panic" {
		t.Errorf("%v", e)
	}
}

type broken struct{ helpdesk.Tickets }

func (broken) Changed(context.Context, string) (helpdesk.Changes, error) { panic("provoked") }
