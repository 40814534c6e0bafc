package chatwoot

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/chatwoot"
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
	return New(cfg, helpdesktest.Deps(t, Type))
}

// product is what an agent sees and does.
type product struct{ s *simulator.Server }

func (p product) conversation(t testing.TB, id string) *simulator.Conversation {
	t.Helper()
	list := p.s.Conversations()
	if i := slices.IndexFunc(list, func(c simulator.Conversation) bool { return c.ID == helpdesktest.Number(t, id) }); i >= 0 {
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
	return strconv.FormatInt(p.s.Answer(helpdesktest.Number(t, ticket), bob, text, list...), 10)
}

func (p product) Note(t testing.TB, ticket, text string) string {
	t.Helper()
	return strconv.FormatInt(p.s.Note(helpdesktest.Number(t, ticket), bob, text), 10)
}

func (p product) Close(t testing.TB, ticket string) {
	t.Helper()
	p.s.SetStatus(helpdesktest.Number(t, ticket), bob, simulator.Resolved)
}

func (p product) Reopen(t testing.TB, ticket string) {
	t.Helper()
	p.s.SetStatus(helpdesktest.Number(t, ticket), bob, simulator.Open)
}

// Merge: Chatwoot merges contacts, not conversations.
func (product) Merge(testing.TB, string, string) bool { return false }

func (p product) Delete(t testing.TB, ticket string) bool {
	t.Helper()
	p.s.DeleteConversation(helpdesktest.Number(t, ticket))
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
	return signed(p.s.Call(helpdesktest.Number(t, ticket)))
}

// signed is a call as Chatwoot makes it.
func signed(body []byte) *connectors.Request {
	r := helpdesktest.Call(http.Header{"Content-Type": {"application/json"}}, body)
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
			return open(t, start(t), func(c *Config) { c.URL = helpdesktest.Nowhere(t) })
		},
	}
}
