// Package rt is the helpdesk Request Tracker 5, by its REST 2.0 interface
// (https://docs.bestpractical.com/rt/5.0.3/RT/REST2.html).
//
// RT mails by itself: what is written on a ticket goes to its requestors and
// Ccs. So a customer is a requestor without a mail address, and RT has nobody
// to write to.
//
// Each ticket bears its tag in a link (RefersTo "deskbridge:TAG"), which can be
// searched for; each entry at the end of its own subject, which agents do not
// edit afterwards. docs/rt.md says what an administrator sets up.
package rt

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
)

func init() {
	helpdesk.Register(helpdesk.Kind{
		Type:   "rt",
		Title:  "Request Tracker 5",
		Config: func() connectors.Config { return &Config{PollInterval: 15 * time.Second} },
		New: func(c connectors.Config, d connectors.Deps) (helpdesk.Helpdesk, error) {
			config, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("rt: not its configuration: %T", c)
			}
			return New(config, d)
		},
	})
}

// Helpdesk is one Request Tracker.
type Helpdesk struct {
	base     string // where agents see it
	api      *kit.REST
	token    configs.Secret
	username string
	queue    string
	interval time.Duration
	secret   configs.Secret // of the scrip
	maxMedia int64
	clock    connectors.Clock

	mu    sync.Mutex
	me    *user
	users map[string]known // by name
	wrote map[string]bool  // transactions of ours, while the process runs
}

var (
	_ helpdesk.Tickets = (*Helpdesk)(nil)
	_ helpdesk.Webhook = (*Helpdesk)(nil)
)

// New opens a helpdesk. It does no I/O.
func New(c *Config, d connectors.Deps) (*Helpdesk, error) {
	base, err := baseURL(c.URL)
	if err != nil && c.URL != "" {
		return nil, fmt.Errorf("rt: url: %w", err)
	}
	auth := "token " + c.Token.Reveal()
	if c.Token == "" {
		auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password.Reveal()))
	}
	h := &Helpdesk{
		base: base, token: c.Token, username: c.Username, queue: c.Queue, interval: c.PollInterval,
		secret: c.WebhookSecret, maxMedia: d.MaxMedia, clock: d.Clock, users: map[string]known{}, wrote: map[string]bool{},
	}
	h.api = &kit.REST{
		Product: "Request Tracker", URL: base + "/REST/2.0", Mend: "token, or username and password", Clock: d.Clock,
		Authorize: func(r *http.Request) { r.Header.Set("Authorization", auth) },
		Words: func(body []byte) string {
			var said struct{ Message string }
			_ = json.Unmarshal(body, &said) // a refusal of the web server before it says nothing of use
			return said.Message
		},
	}
	h.api.Use(d.HTTP)
	return h, nil
}

// Interval is how often agents' work is looked for.
func (h *Helpdesk) Interval() time.Duration { return h.interval }

// Close drops idle connections.
func (h *Helpdesk) Close(context.Context) error {
	h.api.Close()
	return nil
}

// Probe finds out whether this is an RT that takes our credentials and shows
// us the queue. RT does not say whether we may write there.
func (h *Helpdesk) Probe(ctx context.Context) error {
	if _, err := h.self(ctx); err != nil {
		return err
	}
	var queue struct{ Name string }
	err := h.get(ctx, "/queue/"+url.PathEscape(h.queue), nil, &queue)
	if kit.IsStatus(err, http.StatusForbidden, http.StatusNotFound) {
		return connectors.Errorf(connectors.AccountDown, "", "there is no queue %q, or our user lacks the right SeeQueue there: see docs/rt.md for its rights", h.queue)
	}
	return err
}

// get reads path, below /REST/2.0, into out.
func (h *Helpdesk) get(ctx context.Context, path string, query url.Values, out any) error {
	_, err := h.api.Do(ctx, kit.RESTCall{Method: http.MethodGet, Path: path, Query: query, Into: out})
	return err
}
