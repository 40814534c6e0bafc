// Package chatwoot is the helpdesk of an inbox of Chatwoot's API channel
// (https://developers.chatwoot.com/api-reference). A conversation of ours is
// one of theirs, a ticket's id is the number that its page shows.
//
// What we write carries a tag twice: as the message's source_id, which outlives
// its deletion, and within its content_attributes, which older versions keep
// where they drop the source_id. Agents can set neither. A customer is known
// there by an identifier of ours alone, without an e-mail address, to which
// Chatwoot would send answers by itself.
package chatwoot

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

// Type is the name of this helpdesk in the configuration.
const Type = "chatwoot"

func init() {
	helpdesk.Register(helpdesk.Kind{
		Type: Type, Title: "Chatwoot, by an inbox of the API channel",
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

// Chatwoot is one inbox.
type Chatwoot struct {
	cfg  Config
	deps connectors.Deps
	rest *kit.REST
}

// New opens an inbox without talking to Chatwoot.
func New(c *Config, d connectors.Deps) *Chatwoot {
	token := c.APIAccessToken.Reveal()
	h := &Chatwoot{cfg: *c, deps: d, rest: &kit.REST{
		Product: "Chatwoot", URL: strings.TrimRight(c.URL, "/"), Mend: "api_access_token", Clock: d.Clock, Refused: refused, Words: said,
		Authorize: func(r *http.Request) { r.Header.Set("Api_access_token", token) },
	}}
	h.rest.Use(d.HTTP)
	return h
}

// Probe looks for the inbox.
func (c *Chatwoot) Probe(ctx context.Context) error {
	var list struct {
		Payload []struct {
			ID          int64
			Name        string
			ChannelType string `json:"channel_type"`
		}
	}
	if err := c.get(ctx, "inboxes", &list); err != nil {
		return err
	}
	for _, inbox := range list.Payload {
		if inbox.ID != c.cfg.InboxID {
			continue
		}
		if inbox.ChannelType != "Channel::Api" {
			return connectors.Errorf(connectors.AccountDown, "", "inbox %d of Chatwoot (%s) is not of the type API: make one for Deskbridge", inbox.ID, inbox.Name)
		}
		return nil
	}
	return connectors.Errorf(connectors.AccountDown, "", "Chatwoot shows the user of api_access_token no inbox %d: check inbox_id, and that the user belongs to the inbox", c.cfg.InboxID)
}

// Close drops idle connections.
func (c *Chatwoot) Close(context.Context) error {
	c.rest.Close()
	return nil
}

// Interval is the configured one.
func (c *Chatwoot) Interval() time.Duration { return c.cfg.PollInterval }

// path is that of something of our account.
func (c *Chatwoot) path(p string) string {
	return "/api/v1/accounts/" + strconv.FormatInt(c.cfg.AccountID, 10) + "/" + p
}

func (c *Chatwoot) do(ctx context.Context, call kit.RESTCall) error {
	_, err := c.rest.Do(ctx, call)
	return err
}

func (c *Chatwoot) get(ctx context.Context, path string, into any) error {
	return c.do(ctx, kit.RESTCall{Method: http.MethodGet, Path: c.path(path), Into: into})
}

// refusal is what Chatwoot says where it does not do as it is asked.
type refusal struct{ Error, Message string }

func said(body []byte) string {
	var r refusal
	_ = json.Unmarshal(body, &r) // or else it says nothing that we understand
	return cmp.Or(r.Error, r.Message)
}

// refused knows what Chatwoot says of a conversation that is not there. The
// same status from something before it means that url is wrong.
func refused(call kit.RESTCall, status int, body []byte) error {
	words := said(body)
	switch {
	case status == http.StatusNotFound && words == "":
		return connectors.Errorf(connectors.AccountDown, "404", "something else than Chatwoot answers: check url")
	case status == http.StatusNotFound && strings.Contains(call.Path, "/conversations/"):
		return &helpdesk.Gone{}
	case status == http.StatusNotFound:
		return connectors.Errorf(connectors.AccountDown, "404", "Chatwoot does not know %s: check account_id and inbox_id", call.Path)
	case status == http.StatusForbidden:
		return connectors.Errorf(connectors.AccountDown, "403", "the user of api_access_token may not do that: %s", words)
	}
	return nil
}
