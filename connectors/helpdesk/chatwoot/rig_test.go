package chatwoot

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/chatwoot"
	"github.com/deskbridge/deskbridge/normalize"
)

const secret = "simulated-webhook-secret"

var bob = simulator.Agent{Name: "Bob Miller", Email: "bob@desk.example"}

func start(t testing.TB) *simulator.Server {
	t.Helper()
	s, err := simulator.Start(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func open(t testing.TB, s *simulator.Server, change ...func(c *Config)) *Chatwoot {
	t.Helper()
	cfg := newConfig()
	cfg.URL, cfg.AccountID, cfg.InboxID = s.URL(), s.Account(), s.Inbox()
	cfg.APIAccessToken, cfg.WebhookSecret = configs.Secret(s.Token()), secret
	for _, f := range change {
		f(cfg)
	}
	if errs := cfg.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	h := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	t.Cleanup(h.CloseIdleConnections)
	return New(cfg, deps(h))
}

func deps(h *http.Client) connectors.Deps {
	return connectors.Deps{
		Account: normalize.Account{Name: "desk", Type: Type}, Log: slog.New(slog.DiscardHandler), HTTP: h, Guarded: h, Clock: connectors.SystemClock{},
		Key: bytes.Repeat([]byte{1}, 32), MaxMedia: 25 << 20,
	}
}

// product is what an agent sees and does.
type product struct{ s *simulator.Server }

func number(t testing.TB, id string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		t.Fatalf("%q is no conversation", id)
	}
	return n
}

func (p product) conversation(t testing.TB, id string) *simulator.Conversation {
	t.Helper()
	list := p.s.Conversations()
	if i := slices.IndexFunc(list, func(c simulator.Conversation) bool { return c.ID == number(t, id) }); i >= 0 {
		return &list[i]
	}
	return nil
}

func (p product) Ticket(t testing.TB, id string) helpdesktest.Ticket {
	t.Helper()
	c := p.conversation(t, id)
	if c == nil {
		return helpdesktest.Ticket{Gone: true}
	}
	subject, _ := c.CustomAttributes["subject"].(string)
	k := helpdesktest.Ticket{Subject: subject, Open: c.Status != simulator.Resolved}
	for _, m := range c.Messages {
		if m.Type == "activity" {
			continue
		}
		e := helpdesktest.Entry{ID: strconv.FormatInt(m.ID, 10), Internal: m.Private, Author: m.Agent.Name, Text: m.Content}
		if m.Type == "incoming" {
			for _, contact := range p.s.Contacts() {
				if contact.ID == c.ContactID {
					e.Author = contact.Name
				}
			}
		}
		for _, f := range m.Files {
			e.Files = append(e.Files, f.Name)
		}
		k.Entries = append(k.Entries, e)
	}
	return k
}

func (p product) Answer(t testing.TB, ticket, text string, files ...string) string {
	t.Helper()
	var list []simulator.File
	for _, name := range files {
		list = append(list, simulator.File{Name: name, ContentType: "text/plain", Content: []byte(name)})
	}
	return strconv.FormatInt(p.s.Answer(number(t, ticket), bob, text, list...), 10)
}

func (p product) Note(t testing.TB, ticket, text string) string {
	t.Helper()
	return strconv.FormatInt(p.s.Note(number(t, ticket), bob, text), 10)
}

func (p product) Close(t testing.TB, ticket string) {
	t.Helper()
	p.s.SetStatus(number(t, ticket), bob, simulator.Resolved)
}

func (p product) Reopen(t testing.TB, ticket string) {
	t.Helper()
	p.s.SetStatus(number(t, ticket), bob, simulator.Open)
}

// Merge: Chatwoot merges contacts, not conversations.
func (product) Merge(testing.TB, string, string) bool { return false }

func (p product) Delete(t testing.TB, ticket string) bool {
	t.Helper()
	p.s.DeleteConversation(number(t, ticket))
	return true
}

// Mailed counts the contacts that Chatwoot could write to by itself.
func (p product) Mailed() (n int) {
	for _, c := range p.s.Contacts() {
		if c.Email != "" || c.Phone != "" {
			n++
		}
	}
	return n
}

func (p product) Call(t testing.TB, ticket string) *connectors.Request {
	t.Helper()
	return signed(p.s.Call(number(t, ticket)))
}

// signed is a call as Chatwoot makes it.
func signed(body []byte) *connectors.Request {
	r := &connectors.Request{
		Method: http.MethodPost, URL: "https://desk.example.com/webhooks/desk", Header: http.Header{"Content-Type": {"application/json"}}, Body: body, ReceivedAt: time.Now(),
	}
	simulator.Sign(r.Header, secret, body, r.ReceivedAt)
	return r
}

func TestSuite(t *testing.T) { helpdesktest.Run(t, suite(func(*Chatwoot) {})) }

// suite may change each connector before it is used.
func suite(change func(c *Chatwoot)) helpdesktest.Suite {
	return helpdesktest.Suite{
		Open: func(t testing.TB) (helpdesk.Tickets, helpdesktest.Product) {
			s := start(t)
			c := open(t, s)
			change(c)
			return c, product{s}
		},
		Denied: func(t testing.TB) helpdesk.Tickets {
			return open(t, start(t), func(c *Config) { c.APIAccessToken = "other" })
		},
		Away: func(t testing.TB) helpdesk.Tickets {
			return open(t, start(t), func(c *Config) { c.URL = "http://127.0.0.1:1" })
		},
	}
}

func draft(tag string) *helpdesk.Draft {
	ann := normalize.Address{Kind: "email", Value: "ann@example.com", Name: "Ann"}
	m := &normalize.Message{ID: 1, Direction: normalize.Inbound, Text: "Hello", Address: ann}
	return &helpdesk.Draft{
		Tag: tag, Subject: "Hello", First: &helpdesk.Entry{Tag: "m1", Kind: helpdesk.FromCustomer, Author: "Ann", Message: m, Heading: "Ann wrote", Text: "Hello", At: time.Now()},
		Conversation: &normalize.Conversation{ID: 2, Customer: &normalize.Customer{ID: 3, Name: "Ann"}, Address: ann, Channel: normalize.Account{Name: "mail", Type: "email"}},
		Facts:        []helpdesk.Fact{{Name: "Address", Value: "ann@example.com"}},
	}
}

func entry(kind helpdesk.EntryKind, tag, words string) *helpdesk.Entry {
	return &helpdesk.Entry{Tag: tag, Kind: kind, Author: "Ann", Message: &normalize.Message{}, Heading: "Heading of " + tag, Text: words, At: time.Now()}
}

func withContent(name, content string) helpdesk.Attachment {
	return helpdesk.Attachment{
		Media: &normalize.Media{Name: name, ContentType: "text/plain", Size: int64(len(content))},
		Open:  func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
	}
}
