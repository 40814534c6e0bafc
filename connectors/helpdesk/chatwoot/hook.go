package chatwoot

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

// tolerance is how far the clocks of both sides may differ.
const tolerance = 5 * time.Minute

// call is what a webhook says
// (https://www.chatwoot.com/docs/product/others/webhook-events): a message with
// its conversation, or a conversation.
type call struct {
	Event             string
	ID                int64
	InboxID           int64           `json:"inbox_id"`
	MessageType       string          `json:"message_type"`
	SourceID          string          `json:"source_id"`
	ContentAttributes json.RawMessage `json:"content_attributes"`
	Account           struct{ ID int64 }
	Conversation      struct {
		ID      int64
		InboxID int64 `json:"inbox_id"`
	}
}

// Parse implements helpdesk.Webhook. Chatwoot signs the time and the body with
// the secret that it shows beside the webhook.
func (c *Chatwoot) Parse(_ context.Context, r *connectors.Request) (tickets []string, _ connectors.Reply, err error) {
	if !c.signed(r) {
		return nil, connectors.Reply{}, connectors.ErrForged
	}
	var in call
	if r.Method != http.MethodPost || r.Path != "" || json.Unmarshal(r.Body, &in) != nil || in.Event == "" {
		return nil, connectors.Reply{}, connectors.ErrMalformed
	}
	id, inbox := in.Conversation.ID, in.Conversation.InboxID
	switch in.Event {
	case "message_created":
		m := message{SourceID: in.SourceID, ContentAttributes: in.ContentAttributes}
		if in.MessageType != "outgoing" || m.tag() != "" {
			return nil, connectors.Reply{}, nil // ours, or Chatwoot's own
		}
	case "conversation_status_changed":
		id, inbox = in.ID, in.InboxID
	default:
		return nil, connectors.Reply{}, nil
	}
	if id <= 0 || inbox != 0 && inbox != c.cfg.InboxID || in.Account.ID != 0 && in.Account.ID != c.cfg.AccountID {
		return nil, connectors.Reply{}, nil
	}
	return []string{strconv.FormatInt(id, 10)}, connectors.Reply{}, nil
}

func (c *Chatwoot) signed(r *connectors.Request) bool {
	secret := c.cfg.WebhookSecret.Reveal()
	stamp := r.Header.Get("X-Chatwoot-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if secret == "" || err != nil || r.ReceivedAt.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	got, err := hex.DecodeString(strings.TrimPrefix(r.Header.Get("X-Chatwoot-Signature"), "sha256="))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(r.Body)
	return err == nil && hmac.Equal(got, mac.Sum(nil))
}
