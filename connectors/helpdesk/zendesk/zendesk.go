// Package zendesk is the helpdesk of an account of Zendesk Support
// (https://developer.zendesk.com/api-reference/ticketing/introduction/).
//
// What we write carries a tag in the metadata of its audit, which only programs
// can set; a ticket has the tag of its draft as external_id. A customer is a
// user with an external_id of ours and without an e-mail address, so that no
// trigger of Zendesk's has anywhere to send to.
package zendesk

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
)

// Type is the name of this helpdesk in the configuration.
const Type = "zendesk"

func init() {
	helpdesk.Register(helpdesk.Kind{
		Type: Type, Title: "Zendesk Support",
		Config: func() connectors.Config { return newConfig() },
		New: func(c connectors.Config, d connectors.Deps) (helpdesk.Helpdesk, error) {
			cfg, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("the helpdesk type %s cannot be configured by a %T", Type, c)
			}
			return New(cfg, d), nil
		},
	})
}

// Zendesk is one account.
type Zendesk struct {
	cfg  Config
	deps connectors.Deps
	rest *kit.REST
	self atomic.Int64 // our own user, 0 until it is known
}

// New opens an account without talking to Zendesk.
func New(c *Config, d connectors.Deps) *Zendesk {
	h := &Zendesk{cfg: *c, deps: d, rest: &kit.REST{
		Product: "Zendesk", URL: strings.TrimRight(c.URL, "/"), Mend: "email and api_token, or oauth_token", Clock: d.Clock, Refused: refused, Words: said,
		Authorize: func(r *http.Request) {
			if c.OAuthToken != "" {
				r.Header.Set("Authorization", "Bearer "+c.OAuthToken.Reveal())
			} else {
				r.SetBasicAuth(c.Email+"/token", c.APIToken.Reveal())
			}
		},
	}}
	h.rest.Use(d.HTTP)
	return h
}

// Probe finds out who we are there.
func (z *Zendesk) Probe(ctx context.Context) error {
	var me struct{ User user }
	if err := z.get(ctx, "users/me", nil, &me); err != nil {
		return err
	}
	if me.User.Role != "agent" && me.User.Role != "admin" {
		return connectors.Errorf(connectors.AccountDown, "", "the user of Deskbridge in Zendesk (%s) is no agent", cmp.Or(me.User.Name, "nobody"))
	}
	z.self.Store(me.User.ID)
	return nil
}

// me is our own user.
func (z *Zendesk) me(ctx context.Context) (int64, error) {
	if id := z.self.Load(); id != 0 {
		return id, nil
	}
	err := z.Probe(ctx)
	return z.self.Load(), err
}

// Close drops idle connections.
func (z *Zendesk) Close(context.Context) error {
	z.rest.Close()
	return nil
}

// Interval is the configured one.
func (z *Zendesk) Interval() time.Duration { return z.cfg.PollInterval }

func (z *Zendesk) do(ctx context.Context, call kit.RESTCall) error {
	call.Path = "/api/v2/" + call.Path
	_, err := z.rest.Do(ctx, call)
	return err
}

// refusal is what Zendesk says where it does not do as it is asked
// (https://developer.zendesk.com/api-reference/introduction/requests/#400-range).
type refusal struct {
	Error       json.RawMessage // a word, or an object with title and message
	Description string
	Details     map[string][]struct{ Description string }
}

func parse(body []byte) (r refusal, word string) {
	_ = json.Unmarshal(body, &r) // or else it says nothing that we understand
	var object struct{ Title, Message string }
	if json.Unmarshal(r.Error, &word) != nil && json.Unmarshal(r.Error, &object) == nil {
		word = strings.TrimSpace(object.Title + " " + object.Message)
	}
	return r, word
}

func said(body []byte) string {
	r, word := parse(body)
	for _, list := range r.Details {
		for _, d := range list {
			if d.Description != "" {
				return d.Description
			}
		}
	}
	return cmp.Or(r.Description, word)
}

// errClosed and errRepeated are within refusals that have a way on.
var (
	errClosed   = errors.New("the ticket is closed for good")
	errRepeated = errors.New("the ticket may be there already")
)

func refused(call kit.RESTCall, status int, body []byte) error {
	r, word := parse(body)
	switch {
	case status == http.StatusNotFound && word == "":
		return connectors.Errorf(connectors.AccountDown, "404", "something else than Zendesk answers: check url")
	case status == http.StatusNotFound && strings.HasPrefix(call.Path, "/api/v2/tickets/"):
		return &helpdesk.Gone{}
	case status == http.StatusForbidden:
		return connectors.Errorf(connectors.AccountDown, "403", "the user of Deskbridge in Zendesk may not do that: %s", cmp.Or(said(body), "no reason was given"))
	case status == http.StatusConflict:
		return connectors.Errorf(connectors.Transient, "409", "somebody else changes the ticket just now")
	case status == http.StatusBadRequest && call.Header.Get("Idempotency-Key") != "" && bytes.Contains(body, []byte("Idempoten")):
		return connectors.Errorf(connectors.Ambiguous, "400", "%w", errRepeated)
	case status == http.StatusUnprocessableEntity:
		for _, d := range r.Details["status"] {
			if strings.Contains(d.Description, "closed") {
				return connectors.Errorf(connectors.Rejected, "422", "%w", errClosed)
			}
		}
	}
	return nil
}
