package freshdesk

import (
	"html"
	"strconv"
	"testing"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	simulated "github.com/deskbridge/deskbridge/connectors/simulator/freshdesk"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	apiKey = "key-of-the-tests"
	secret = "secret-of-the-webhook"
)

// account opens a connector, with a configuration that change may alter.
func account(t testing.TB, url string, change func(*Config)) *Freshdesk {
	t.Helper()
	c := newConfig()
	c.URL, c.APIKey, c.WebhookSecret = url, apiKey, secret
	if change != nil {
		change(c)
	}
	if errs := c.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return New(c, helpdesktest.Deps(t, "freshdesk"))
}

// product starts a simulated Freshdesk.
func product(t testing.TB, o simulated.Options) *simulated.Server {
	t.Helper()
	o.APIKey, o.Secret = apiKey, secret
	s, err := simulated.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestSuite(t *testing.T) {
	helpdesktest.Run(t, helpdesktest.Suite{
		Open: func(t testing.TB) (helpdesk.Tickets, helpdesktest.Product) {
			s := product(t, simulated.Options{})
			return account(t, s.URL(), nil), person{s}
		},
		Denied: func(t testing.TB) helpdesk.Tickets {
			return account(t, product(t, simulated.Options{}).URL(), func(c *Config) { c.APIKey = configs.Secret("another") })
		},
		Away: func(t testing.TB) helpdesk.Tickets {
			return account(t, helpdesktest.Nowhere(t), nil)
		},
	})
}

// person is an agent at the simulated Freshdesk.
type person struct{ *simulated.Server }

func names(list []simulated.Attachment) (names []string) {
	for _, f := range list {
		names = append(names, f.Name)
	}
	return names
}

func (p person) Ticket(t testing.TB, id string) helpdesktest.Ticket {
	t.Helper()
	k, ok := p.Server.Ticket(helpdesktest.Number(t, id))
	if !ok || k.Deleted {
		return helpdesktest.Ticket{Gone: true}
	}
	seen := helpdesktest.Ticket{Subject: k.Subject, Open: k.Status != simulated.Closed && k.Status != simulated.Resolved}
	seen.Entries = append(seen.Entries, helpdesktest.Entry{
		ID: "t" + id, Author: k.Requester.Name, Text: text.FromHTML(k.Description), Files: names(k.Attachments),
	})
	for _, c := range k.Conversations {
		seen.Entries = append(seen.Entries, helpdesktest.Entry{
			ID: strconv.FormatInt(c.ID, 10), Internal: c.Private, Author: p.Name(c.UserID), Text: text.FromHTML(c.Body), Files: names(c.Attachments),
		})
	}
	return seen
}

func (p person) write(t testing.TB, ticket string, e simulated.Entry) string {
	t.Helper()
	id, err := p.Write(helpdesktest.Number(t, ticket), e)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatInt(id, 10)
}

func (p person) Answer(t testing.TB, ticket, words string, files ...string) string {
	t.Helper()
	e := simulated.Entry{Body: "<div>" + html.EscapeString(words) + "</div>"}
	for _, name := range files {
		e.Files = append(e.Files, simulated.Attachment{Name: name, ContentType: "text/plain", Content: []byte(name)})
	}
	return p.write(t, ticket, e)
}

func (p person) Note(t testing.TB, ticket, words string) string {
	t.Helper()
	return p.write(t, ticket, simulated.Entry{Body: "<div>" + html.EscapeString(words) + "</div>", Private: true})
}

func (p person) status(t testing.TB, ticket string, status int) {
	t.Helper()
	if err := p.SetStatus(helpdesktest.Number(t, ticket), status); err != nil {
		t.Fatal(err)
	}
}

func (p person) Close(t testing.TB, ticket string)  { p.status(t, ticket, simulated.Resolved) }
func (p person) Reopen(t testing.TB, ticket string) { p.status(t, ticket, simulated.Pending) }

func (p person) Merge(t testing.TB, from, into string) bool {
	t.Helper()
	if err := p.Server.Merge(helpdesktest.Number(t, from), helpdesktest.Number(t, into)); err != nil {
		t.Fatal(err)
	}
	return true
}

func (p person) Delete(t testing.TB, ticket string) bool {
	p.Server.Delete(helpdesktest.Number(t, ticket), true)
	return true
}

func (p person) Call(t testing.TB, ticket string) *connectors.Request {
	t.Helper()
	body, header := p.HookCall(helpdesktest.Number(t, ticket))
	return helpdesktest.Call(header, body)
}
