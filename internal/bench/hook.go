package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// secret signs the calls of the vendor that the bench plays.
const secret = "3f1c5a77d0b94e0e8a1f" //nolint:gosec // of the vendor played here, who guards nothing

const signatureHeader = "X-Hub-Signature-256"

// call is the body of a vendor's webhook call, of the usual kind: one event
// with an id, an author and a text.
type call struct {
	ID   string    `json:"id"`
	Type string    `json:"type"`
	At   time.Time `json:"at"`
	From struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"from"`
	Message struct {
		ID   string `json:"id"`
		Text string `json:"text"`
	} `json:"message"`
}

func sign(body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	return "sha256=" + hex.EncodeToString(m.Sum(nil))
}

// hook is a channel like those for real vendors, as far as taking in goes: it
// checks the signature over the body, reads the JSON once to take the call
// apart and once to decode the input.
type hook struct{}

// Parse implements channel.Webhook.
func (hook) Parse(_ context.Context, r *connectors.Request) (normalize.Batch, connectors.Reply, error) {
	sum, ok := strings.CutPrefix(r.Header.Get(signatureHeader), "sha256=")
	got, err := hex.DecodeString(sum)
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(r.Body)
	if !ok || err != nil || !hmac.Equal(got, m.Sum(nil)) {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrForged
	}
	var c call
	if err := json.Unmarshal(r.Body, &c); err != nil {
		return normalize.Batch{}, connectors.Reply{}, fmt.Errorf("%w: %w", connectors.ErrMalformed, err)
	}
	return normalize.Batch{Inputs: []normalize.Input{{Key: c.ID, Raw: r.Body, ContentType: "application/json", ReceivedAt: r.ReceivedAt}}},
		connectors.Reply{}, nil
}

// Decode implements timeline.Decoder.
func (hook) Decode(in normalize.Input) (normalize.Item, error) {
	var c call
	if err := json.Unmarshal(in.Raw, &c); err != nil {
		return nil, err
	}
	if c.Type != "message" {
		return nil, errors.New("unknown_event")
	}
	return &normalize.Message{
		ExternalID: c.Message.ID,
		Address:    normalize.Address{Kind: normalize.KindPhone, Value: c.From.ID, Name: c.From.Name},
		SentAt:     c.At, Text: c.Message.Text, FullText: c.Message.Text,
		Parts: []normalize.Part{{Kind: normalize.PartText, Text: c.Message.Text}},
	}, nil
}
