// Package zammad keeps a ticket in Zammad for each conversation, by its REST
// API (https://docs.zammad.org/en/latest/api/intro.html) and the webhook of a
// trigger (https://admin-docs.zammad.org/en/latest/manage/webhook.html).
//
// Our articles bear their tag as message id, which Zammad keeps for articles of
// every kind and nobody can type; the first of a ticket also answers the
// ticket's own tag. Customers are users without an e-mail address, so that
// Zammad writes to nobody. Tickets are searched by conditions, which are
// answered from the database and not from the search index, which lags behind.
package zammad

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
)

func init() {
	helpdesk.Register(helpdesk.Kind{
		Type:   "zammad",
		Title:  "Zammad",
		Config: func() connectors.Config { return newConfig() },
		New: func(c connectors.Config, d connectors.Deps) (helpdesk.Helpdesk, error) {
			config, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("zammad: not its configuration: %T", c)
			}
			return New(config, d), nil
		},
	})
}

// Zammad is one account.
type Zammad struct {
	cfg    *Config
	api    *kit.REST
	clock  connectors.Clock
	states states
}

// New opens an account. It does no I/O.
func New(c *Config, d connectors.Deps) *Zammad {
	z := &Zammad{cfg: c, clock: d.Clock, api: &kit.REST{
		Product: "Zammad", URL: c.base() + "/api/v1", Mend: "token", Clock: d.Clock, Words: refusalWords,
		Authorize: func(r *http.Request) { r.Header.Set("Authorization", "Token token="+c.Token.Reveal()) },
	}}
	z.api.Use(d.HTTP)
	return z
}

// refusalWords are what Zammad says of a refusal.
func refusalWords(body []byte) string {
	var said struct {
		Error string `json:"error"`
		Human string `json:"error_human"`
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	if said.Human != "" {
		return said.Human
	}
	return said.Error
}

// Probe asks who we are, and for the states of tickets, which agents alone may
// see.
func (z *Zammad) Probe(ctx context.Context) error {
	if err := z.get(ctx, "/users/me", nil, nil); err != nil {
		return err
	}
	_, err := z.states.load(ctx, z)
	return err
}

// Interval implements helpdesk.Tickets.
func (z *Zammad) Interval() time.Duration { return z.cfg.PollInterval }

// Close drops idle connections.
func (z *Zammad) Close(context.Context) error {
	z.api.Close()
	return nil
}

// do makes a request. That our user may not do it is the administrator's to
// mend.
func (z *Zammad) do(ctx context.Context, call kit.RESTCall) error {
	_, err := z.api.Do(ctx, call)
	if kit.IsStatus(err, http.StatusForbidden) {
		return connectors.Errorf(connectors.AccountDown, "403",
			"Zammad does not permit it: the token needs ticket.agent, and its user read, create, change and overview in the group")
	}
	return err
}

func (z *Zammad) get(ctx context.Context, path string, query map[string][]string, into any) error {
	return z.do(ctx, kit.RESTCall{Method: http.MethodGet, Path: path, Query: query, Into: into})
}

// ofTicket is the error of a request about one ticket: it may have been
// deleted, or moved to where our user sees it no more.
func ofTicket(err error) error {
	if kit.IsStatus(err, http.StatusNotFound, http.StatusForbidden) {
		return &helpdesk.Gone{}
	}
	return err
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
