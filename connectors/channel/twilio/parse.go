package twilio

import (
	"bytes"
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/twilio/twilio-go/twiml"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

var _ channel.Webhook = (*Twilio)(nil)

// The paths below /webhooks/{name}.
const (
	pathStatus        = "/status"
	pathVoice         = "/voice"
	pathVoiceStatus   = "/voice/status"
	pathRecording     = "/voice/recording"
	pathTranscription = "/voice/transcription"
)

// What an input's Meta holds beside its bytes: the path, and the parameters of
// the address called, which we had put there and which are signed with it.
const (
	metaPath = "path"
	metaStep = "step" // of a call: menu, dialled, recorded
	metaLeg  = "leg"  // agent: the status is of the agent's phone
	metaPart = "part" // our id of what was sent
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"

	maxParameters = 1000
	maxEvents     = 1000
)

// Parse verifies a call and takes it apart. There is no time in its signature;
// what is called again is a duplicate.
func (t *Twilio) Parse(_ context.Context, r *connectors.Request) (normalize.Batch, connectors.Reply, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrMalformed
	}
	if t.cfg.AuthToken == "" || !t.genuine(r, u) {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrForged
	}
	in := normalize.Input{Raw: r.Body, ContentType: formType, ReceivedAt: r.ReceivedAt, Meta: map[string]string{metaPath: r.Path}}
	for _, key := range []string{metaStep, metaLeg, metaPart} {
		if v := u.Query().Get(key); v != "" {
			in.Meta[key] = v
		}
	}
	if isJSON(r.Header) {
		return events(in)
	}
	if r.Method == http.MethodGet {
		in.Raw = []byte(u.RawQuery)
	}
	p, err := parameters(in.Raw)
	if err != nil || p.get("AccountSid") != t.cfg.AccountSID {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrMalformed // signed, and still not for this account
	}
	in.Key = p.key(in.Meta)
	reply, err := t.reply(r.Path, in.Meta[metaStep], p)
	if err != nil {
		return normalize.Batch{}, connectors.Reply{}, err
	}
	return normalize.Batch{Inputs: []normalize.Input{in}}, reply, nil
}

// isJSON: a sink may name its CloudEvents as such.
func isJSON(h http.Header) bool {
	typ, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (typ == jsonType || strings.HasSuffix(typ, "+json"))
}

// params are the parameters of a call. Of one that is given twice the first
// counts.
type params struct{ url.Values }

func (p params) get(key string) string { return p.Get(key) }

func parameters(raw []byte) (params, error) {
	if bytes.Count(raw, []byte("&")) >= maxParameters {
		return params{}, connectors.ErrMalformed
	}
	values, err := url.ParseQuery(string(raw))
	return params{values}, err
}

// key names the call for people: the vendor's id and what is told of it.
func (p params) key(meta map[string]string) string {
	id := p.message()
	switch meta[metaPath] {
	case pathVoice:
		return p.get("CallSid") + "/" + either(meta[metaStep], "incoming")
	case pathVoiceStatus:
		return p.get("CallSid") + "/" + p.get("CallStatus")
	case pathRecording:
		return p.get("RecordingSid")
	case pathTranscription:
		return either(p.get("TranscriptionSid"), p.get("RecordingSid")+"/transcription")
	}
	if s := p.status(); s != "" {
		return id + "/" + s
	}
	return id
}

// message is the id of the message, under one of its names.
func (p params) message() string {
	return either(p.get("MessageSid"), either(p.get("SmsSid"), p.get("SmsMessageSid")))
}

// status is what the call says of a message of ours; empty for an incoming one.
func (p params) status() string {
	s := either(p.get("MessageStatus"), p.get("SmsStatus"))
	if s == "received" || s == "receiving" {
		return ""
	}
	return s
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// reply is what Twilio does next: the next step of a call, or nothing.
func (t *Twilio) reply(path, step string, p params) (connectors.Reply, error) {
	switch path {
	case "":
		return document(nil, twiml.Messages)
	case pathVoice:
		return document(t.next(step, p), twiml.Voice)
	case pathStatus, pathVoiceStatus, pathRecording, pathTranscription:
		return connectors.Reply{Status: http.StatusNoContent}, nil
	}
	return connectors.Reply{}, connectors.ErrMalformed
}

func document(verbs []twiml.Element, render func([]twiml.Element) (string, error)) (connectors.Reply, error) {
	body, err := render(verbs)
	if err != nil {
		return connectors.Reply{}, err
	}
	return connectors.Reply{ContentType: "text/xml; charset=utf-8", Body: []byte(body)}, nil
}

// events takes apart what an Event Streams sink sends: a list of CloudEvents,
// or one of them. Each becomes an input of its own.
func events(in normalize.Input) (normalize.Batch, connectors.Reply, error) {
	in.ContentType = jsonType
	body := bytes.TrimSpace(in.Raw)
	list := []json.RawMessage{body}
	if len(body) > 0 && body[0] == '[' {
		list = nil
		if err := json.Unmarshal(body, &list); err != nil {
			return normalize.Batch{}, connectors.Reply{}, connectors.ErrMalformed
		}
	}
	if len(list) > maxEvents {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrMalformed
	}
	var b normalize.Batch
	for _, raw := range list {
		var e struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			return normalize.Batch{}, connectors.Reply{}, connectors.ErrMalformed
		}
		one := in
		one.Key, one.Raw = strings.ToValidUTF8(e.ID, "?"), bytes.Clone(raw)
		b.Inputs = append(b.Inputs, one)
	}
	return b, connectors.Reply{}, nil
}
