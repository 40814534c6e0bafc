package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"github.com/deskbridge/deskbridge/connectors"
)

// maxAnswer bounds an answer of the Bot API: a hundred updates are far below.
const maxAnswer = 16 << 20

// answer is the envelope of all answers
// (https://core.telegram.org/bots/api#making-requests).
type answer struct {
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	ErrorCode   int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter int `json:"retry_after"`
	} `json:"parameters"`
}

// call makes a request that may be repeated, and reads its result into into,
// where that is not nil.
func (t *Telegram) call(ctx context.Context, method string, params, into any) error {
	body, err := json.Marshal(params)
	if err != nil {
		return connectors.Errorf(connectors.Rejected, "", "the request cannot be written: %w", err)
	}
	if params == nil {
		body = nil
	}
	if err := t.post(ctx, method, "application/json", bytes.NewReader(body), into); err != nil {
		return again(err)
	}
	return nil
}

// post makes one request. What is not known to be refused is ambiguous.
func (t *Telegram) post(ctx context.Context, method, contentType string, body io.Reader, into any) error {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.cfg.base()+"/bot"+t.cfg.BotToken.Reveal()+"/"+method, body)
	if err != nil {
		return connectors.Errorf(connectors.AccountDown, "", "api_url and bot_token make no address")
	}
	r.Header.Set("Content-Type", contentType)
	resp, err := t.http.Do(r)
	if err != nil {
		return lost(err, connected.Load())
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return lost(err, true)
	}
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return unreadable(resp.StatusCode)
	}
	if !a.OK {
		return refusal(&a, resp.StatusCode)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(a.Result, into); err != nil {
		return connectors.Errorf(connectors.Ambiguous, "", "Telegram's answer to %s is not what it documents", method)
	}
	return nil
}

// lost is the error of a request without an answer. The address, which holds
// the token, is left out.
func lost(err error, connected bool) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if connected {
		return &connectors.Error{Class: connectors.Ambiguous, Detail: "Telegram did not answer: " + err.Error(), Err: err}
	}
	return &connectors.Error{Class: connectors.Transient, Detail: "Telegram cannot be reached: " + err.Error(), Err: err}
}
