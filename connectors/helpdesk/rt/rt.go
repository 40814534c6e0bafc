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
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
)

func init() {
	helpdesk.Register(helpdesk.Kind{
		Type:   "rt",
		Title:  "Request Tracker 5",
		Config: func() connectors.Config { return &Config{} },
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
	auth     string // the header Authorization
	token    configs.Secret
	username string
	queue    string
	interval time.Duration
	secret   configs.Secret // of the scrip
	maxMedia int64
	http     *http.Client
	clock    connectors.Clock

	mu    sync.Mutex
	me    *user
	users map[string]known // by name
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
	h := &Helpdesk{
		base: base, auth: "token " + c.Token.Reveal(), token: c.Token, username: c.Username, queue: c.Queue, interval: c.PollInterval,
		secret: c.WebhookSecret, maxMedia: d.MaxMedia, clock: d.Clock, users: map[string]known{},
	}
	if c.Token == "" {
		h.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password.Reveal()))
	}
	client := *d.HTTP
	// A redirect would hand customers' messages to an address that nobody
	// configured.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.http = &client
	return h, nil
}

// Interval is how often agents' work is looked for.
func (h *Helpdesk) Interval() time.Duration { return h.interval }

// Close drops idle connections.
func (h *Helpdesk) Close(context.Context) error {
	h.http.CloseIdleConnections()
	return nil
}

// Probe finds out whether this is an RT that takes our credentials and shows
// us the queue. RT does not say whether we may write there.
func (h *Helpdesk) Probe(ctx context.Context) error {
	if _, err := h.self(ctx); err != nil {
		return err
	}
	var queue struct{ Name string }
	err := h.get(ctx, "/queue/"+escape(h.queue), nil, &queue)
	if status(err) == http.StatusForbidden || status(err) == http.StatusNotFound {
		return connectors.Errorf(connectors.AccountDown, "", "there is no queue %q, or our user lacks the right SeeQueue there: see docs/rt.md for its rights", h.queue)
	}
	return plain(err)
}
