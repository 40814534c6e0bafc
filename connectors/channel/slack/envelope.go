package slack

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// maxFrame bounds one envelope. Slack's own limit on a message's text is
// 40,000 characters; a few times that, with blocks, is far below.
const maxFrame = 2 << 20

// frame is one message of the WebSocket. Of one that is larger than maxFrame
// only the beginning is kept.
type frame struct {
	raw []byte
	cut bool
}

// envelope is https://docs.slack.dev/apis/events-api/using-socket-mode
type envelope struct {
	Type         string          `json:"type"`
	EnvelopeID   string          `json:"envelope_id"`
	Reason       string          `json:"reason"` // of a disconnect
	Payload      json.RawMessage `json:"payload"`
	RetryAttempt int             `json:"retry_attempt"`
	RetryReason  string          `json:"retry_reason"`
}

const (
	frameHello      = "hello"
	frameDisconnect = "disconnect"
)

var envelopeID = regexp.MustCompile(`"envelope_id"\s*:\s*"([^"\\]{1,200})"`)

// open reads a frame: one of Slack's own about the connection, or an input with
// the id that acknowledges it. What cannot be read is an input all the same,
// which says so; its id is looked for, since Slack would send it again.
func (f frame) open(now time.Time) (e envelope, in normalize.Input) {
	err := json.Unmarshal(f.raw, &e)
	if err == nil && !f.cut && (e.Type == frameHello || e.Type == frameDisconnect) {
		return e, in
	}
	in = normalize.Input{ReceivedAt: now, Raw: f.raw, ContentType: "application/json", Meta: map[string]string{}}
	switch {
	case f.cut:
		in.Refused = "too_large: the envelope has more than " + strconv.Itoa(maxFrame) + " bytes"
	case err != nil:
		in.Refused = "malformed_envelope: not JSON of the documented form"
	case e.Type == "" || e.EnvelopeID == "" || !isObject(e.Payload):
		in.Refused = "malformed_envelope: a type, an id or the payload is missing"
	}
	if in.Refused != "" {
		e = envelope{}
		if m := envelopeID.FindSubmatch(f.raw); m != nil {
			e.EnvelopeID = string(m[1])
		}
		in.Key = "envelope/" + first(e.EnvelopeID, digest(f.raw))
		return e, in
	}
	in.Raw, in.Meta[metaEnvelope], in.Key = e.Payload, e.Type, "envelope/"+e.EnvelopeID
	if e.RetryAttempt > 0 {
		in.Meta[metaRetry] = retry(strconv.Itoa(e.RetryAttempt), e.RetryReason)
	}
	var c callback
	if e.Type == envelopeEvent && json.Unmarshal(e.Payload, &c) == nil && c.EventID != "" {
		in.Key = c.EventID
	}
	return e, in
}

func isObject(b json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) }
