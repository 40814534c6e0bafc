package rt

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

// HeaderSignature is the header of the scrip's call: the HMAC-SHA256 of the
// body, in hexadecimal digits.
const HeaderSignature = "X-Deskbridge-Signature"

// fresh is how old a call may be, by both clocks.
const fresh = 5 * time.Minute

// Parse verifies the call of the scrip in docs/rt.md. A repeat does no harm:
// the ticket is looked at once more.
func (h *Helpdesk) Parse(_ context.Context, r *connectors.Request) ([]string, connectors.Reply, error) {
	given, err := hex.DecodeString(r.Header.Get(HeaderSignature))
	mac := hmac.New(sha256.New, []byte(h.secret.Reveal()))
	mac.Write(r.Body)
	if h.secret == "" || err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return nil, connectors.Reply{}, connectors.ErrForged
	}
	var call struct {
		Ticket int64 `json:"ticket"`
		At     int64 `json:"at"` // Unix time
	}
	if r.Method != http.MethodPost || json.Unmarshal(r.Body, &call) != nil || call.Ticket <= 0 {
		return nil, connectors.Reply{}, connectors.ErrMalformed
	}
	if r.ReceivedAt.Sub(time.Unix(call.At, 0)).Abs() > fresh {
		return nil, connectors.Reply{}, connectors.ErrForged
	}
	return []string{strconv.FormatInt(call.Ticket, 10)}, connectors.Reply{}, nil
}
