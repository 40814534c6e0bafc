package telegram

import (
	"context"
	"crypto/subtle"
	"net/http"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// Parse implements channel.Webhook. Telegram signs nothing: it shows the
// secret that it was given (https://core.telegram.org/bots/api#setwebhook).
func (t *Telegram) Parse(_ context.Context, r *connectors.Request) (normalize.Batch, connectors.Reply, error) {
	want := t.cfg.SecretToken.Reveal()
	got := r.Header.Get("X-Telegram-Bot-Api-Secret-Token")
	if want == "" || subtle.ConstantTimeCompare([]byte(got), []byte(want)) != 1 {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrForged
	}
	if r.Method != http.MethodPost || r.Path != "" {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrMalformed
	}
	_, inputs, err := split(r.Body)
	if err != nil {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrMalformed
	}
	return normalize.Batch{Inputs: inputs}, connectors.Reply{}, nil
}
