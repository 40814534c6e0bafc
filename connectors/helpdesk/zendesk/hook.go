package zendesk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

// tolerance is how far the clocks of both sides may differ.
const tolerance = 5 * time.Minute

// Parse implements helpdesk.Webhook: a webhook that is subscribed to ticket
// events. Its signature is over the time and the body, without anything between
// them (https://developer.zendesk.com/documentation/webhooks/verifying/).
func (z *Zendesk) Parse(_ context.Context, r *connectors.Request) (tickets []string, _ connectors.Reply, err error) {
	if !z.signed(r) {
		return nil, connectors.Reply{}, connectors.ErrForged
	}
	// https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/
	var event struct{ Type, Subject string }
	if r.Method != http.MethodPost || r.Path != "" || json.Unmarshal(r.Body, &event) != nil || event.Type == "" {
		return nil, connectors.Reply{}, connectors.ErrMalformed
	}
	id, ok := strings.CutPrefix(event.Subject, "zen:ticket:")
	if !ok || !strings.HasPrefix(event.Type, "zen:event-type:ticket.") {
		return nil, connectors.Reply{}, nil
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 {
		return nil, connectors.Reply{}, connectors.ErrMalformed
	}
	return []string{strconv.FormatInt(n, 10)}, connectors.Reply{}, nil
}

func (z *Zendesk) signed(r *connectors.Request) bool {
	secret, stamp := z.cfg.WebhookSecret.Reveal(), r.Header.Get("X-Zendesk-Webhook-Signature-Timestamp")
	at, err := time.Parse(time.RFC3339, stamp)
	if secret == "" || err != nil || r.ReceivedAt.Sub(at).Abs() > tolerance {
		return false
	}
	got, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Zendesk-Webhook-Signature"))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp))
	mac.Write(r.Body)
	return err == nil && hmac.Equal(got, mac.Sum(nil))
}
