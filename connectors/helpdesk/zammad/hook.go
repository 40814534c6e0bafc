package zammad

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what Zammad signs with
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
)

// Parse implements helpdesk.Webhook. Zammad signs the body alone, so that a
// call can be played again; it only names a ticket to be read. A call about an
// article of ours names none.
func (z *Zammad) Parse(_ context.Context, r *connectors.Request) (tickets []string, reply connectors.Reply, err error) {
	secret := z.cfg.WebhookSecret.Reveal()
	hexed, ok := strings.CutPrefix(r.Header.Get("X-Hub-Signature"), "sha1=")
	got, err := hex.DecodeString(hexed)
	if secret == "" || !ok || err != nil {
		return nil, reply, connectors.ErrForged
	}
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write(r.Body)
	if !hmac.Equal(got, mac.Sum(nil)) {
		return nil, reply, connectors.ErrForged
	}
	var call struct {
		Ticket struct {
			ID int64 `json:"id"`
		} `json:"ticket"`
		Article struct {
			MessageID string `json:"message_id"`
		} `json:"article"`
	}
	if json.Unmarshal(r.Body, &call) != nil || call.Ticket.ID <= 0 {
		return nil, reply, connectors.ErrMalformed
	}
	if _, ours := tagOf(call.Article.MessageID); ours {
		return nil, reply, nil
	}
	return []string{itoa(call.Ticket.ID)}, reply, nil
}
