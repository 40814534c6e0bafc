package freshdesk

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
)

// SecretHeader is where a rule's webhook shows the secret.
const SecretHeader = "X-Deskbridge-Secret" //nolint:gosec // its name, not the secret

// Parse implements helpdesk.Webhook. Freshdesk signs nothing; it shows a secret,
// in a header or as a password. A call names a ticket to be read and nothing
// more, so that playing one again does no harm.
func (f *Freshdesk) Parse(_ context.Context, r *connectors.Request) (tickets []string, reply connectors.Reply, err error) {
	shown := r.Header.Get(SecretHeader)
	if shown == "" {
		_, shown, _ = (&http.Request{Header: r.Header}).BasicAuth()
	}
	secret := f.cfg.WebhookSecret.Reveal()
	// Digests have one length, so that the comparison tells nothing of the
	// secret's.
	got, want := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || secret == "" {
		return nil, reply, connectors.ErrForged
	}
	var call struct {
		Ticket json.RawMessage `json:"ticket_id"`
		Simple struct {        // by the editor that offers fields to be ticked
			Ticket json.RawMessage `json:"ticket_id"`
		} `json:"freshdesk_webhook"`
	}
	if json.Unmarshal(r.Body, &call) != nil {
		return nil, reply, connectors.ErrMalformed
	}
	for _, raw := range []json.RawMessage{call.Ticket, call.Simple.Ticket} {
		if id := strings.Trim(string(raw), `"# `); isNumber(id) {
			return []string{id}, reply, nil
		}
	}
	return nil, reply, connectors.ErrMalformed
}

func isNumber(s string) bool {
	return len(s) > 0 && len(s) < 20 && strings.Trim(s, "0123456789") == "" && s[0] != '0'
}
