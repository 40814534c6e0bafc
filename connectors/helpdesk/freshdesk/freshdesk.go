// Package freshdesk keeps a ticket in Freshdesk for each conversation, by its
// REST API (https://developers.freshdesk.com/api) and the webhook of an
// automation rule.
//
// Freshdesk keeps nothing beside the words of a note that could say whose it
// is. So ours end in a line with their tag, which counts where the author is our
// own agent or the customer in whose name we write. A ticket's own tag stands
// among its tags. Customers are contacts without an e-mail address, whom
// Freshdesk does not write to.
package freshdesk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
)

func init() {
	helpdesk.Register(helpdesk.Kind{
		Type:   "freshdesk",
		Title:  "Freshdesk",
		Config: func() connectors.Config { return newConfig() },
		New: func(c connectors.Config, d connectors.Deps) (helpdesk.Helpdesk, error) {
			config, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("freshdesk: not its configuration: %T", c)
			}
			return New(config, d), nil
		},
	})
}

// Freshdesk is one account.
type Freshdesk struct {
	cfg    *Config
	api    *kit.REST
	clock  connectors.Clock
	people people
}

// New opens an account. It does no I/O.
func New(c *Config, d connectors.Deps) *Freshdesk {
	f := &Freshdesk{cfg: c, clock: d.Clock, api: &kit.REST{
		Product: "Freshdesk", URL: c.base() + "/api/v2", Mend: "api_key", Clock: d.Clock, Words: refusalWords,
		Authorize: func(r *http.Request) { r.SetBasicAuth(c.APIKey.Reveal(), "X") },
	}}
	f.api.Use(d.HTTP)
	return f
}

// refusalWords are what Freshdesk says of a refusal: which fields are wrong.
func refusalWords(body []byte) string {
	var said struct {
		Description string `json:"description"`
		Message     string `json:"message"`
		Errors      []struct {
			Field   string `json:"field"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	words := []string{cmp.Or(said.Description, said.Message)}
	for _, e := range said.Errors {
		words = append(words, e.Field+": "+e.Message)
	}
	return strings.Join(words, "; ")
}

// Probe asks who we are.
func (f *Freshdesk) Probe(ctx context.Context) error {
	_, err := f.people.self(ctx, f)
	return err
}

// Interval implements helpdesk.Tickets.
func (f *Freshdesk) Interval() time.Duration { return f.cfg.PollInterval }

// Close drops idle connections.
func (f *Freshdesk) Close(context.Context) error {
	f.api.Close()
	return nil
}

// do makes a request. That our agent may not do it is the administrator's to
// mend.
func (f *Freshdesk) do(ctx context.Context, call kit.RESTCall) (http.Header, error) {
	header, err := f.api.Do(ctx, call)
	if kit.IsStatus(err, http.StatusForbidden) {
		return header, connectors.Errorf(connectors.AccountDown, "403", "Freshdesk does not permit it: the agent of api_key needs global access to tickets")
	}
	return header, err
}

func (f *Freshdesk) get(ctx context.Context, path string, query map[string][]string, into any) (http.Header, error) {
	return f.do(ctx, kit.RESTCall{Method: http.MethodGet, Path: path, Query: query, Into: into})
}

// ofTicket is the error of a request about one ticket: it may have been
// deleted, or moved to where our agent sees it no more.
func ofTicket(err error) error {
	if kit.IsStatus(err, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusForbidden) {
		return &helpdesk.Gone{}
	}
	return err
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
