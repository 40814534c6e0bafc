package zammad

import (
	"html"
	"strconv"
	"testing"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	simulated "github.com/deskbridge/deskbridge/connectors/simulator/zammad"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	token  = "token-of-the-tests"
	secret = "secret-of-the-webhook"
)

// account opens a connector, with a configuration that change may alter.
func account(t testing.TB, url string, change func(*Config)) *Zammad {
	t.Helper()
	c := newConfig()
	c.URL, c.Token, c.WebhookSecret = url, token, secret
	if change != nil {
		change(c)
	}
	if errs := c.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return New(c, helpdesktest.Deps(t, "zammad"))
}

// product starts a simulated Zammad.
func product(t testing.TB, o simulated.Options) *simulated.Server {
	t.Helper()
	o.Token, o.HookSecret = token, secret
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
			return account(t, product(t, simulated.Options{}).URL(), func(c *Config) { c.Token = configs.Secret("another") })
		},
		Away: func(t testing.TB) helpdesk.Tickets {
			return account(t, helpdesktest.Nowhere(t), nil)
		},
	})
}

// person is an agent at the simulated Zammad.
type person struct{ *simulated.Server }

func (p person) Ticket(t testing.TB, id string) helpdesktest.Ticket {
	t.Helper()
	k, ok := p.Server.Ticket(helpdesktest.Number(t, id))
	if !ok {
		return helpdesktest.Ticket{Gone: true}
	}
	seen := helpdesktest.Ticket{Subject: k.Title, Open: k.State != "closed" && k.State != "given up" && k.State != "merged", Gone: k.State == "merged"}
	for _, a := range k.Articles {
		e := helpdesktest.Entry{ID: strconv.FormatInt(a.ID, 10), Internal: a.Internal, Author: a.From, Text: a.Body}
		if a.ContentType == "text/html" {
			e.Text = text.FromHTML(a.Body)
		}
		for _, f := range a.Attachments {
			e.Files = append(e.Files, f.Name)
		}
		seen.Entries = append(seen.Entries, e)
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
	return p.write(t, ticket, simulated.Entry{Body: words, Plain: true, Internal: true})
}

func (p person) state(t testing.TB, ticket, state string) {
	t.Helper()
	if err := p.SetState(helpdesktest.Number(t, ticket), state); err != nil {
		t.Fatal(err)
	}
}

func (p person) Close(t testing.TB, ticket string)  { p.state(t, ticket, "given up") }
func (p person) Reopen(t testing.TB, ticket string) { p.state(t, ticket, "pending reminder") }

func (p person) Merge(t testing.TB, from, into string) bool {
	t.Helper()
	if err := p.Server.Merge(helpdesktest.Number(t, from), helpdesktest.Number(t, into)); err != nil {
		t.Fatal(err)
	}
	return true
}

func (p person) Begin(_ testing.TB, answer string) string {
	return strconv.FormatInt(p.Server.Begin("Somebody else's matter", simulated.Entry{Body: "<div>" + html.EscapeString(answer) + "</div>"}), 10)
}

func (p person) Delete(t testing.TB, ticket string) bool {
	p.Server.Delete(helpdesktest.Number(t, ticket))
	return true
}

func (p person) Call(t testing.TB, ticket string) *connectors.Request {
	t.Helper()
	body, header := p.HookCall(helpdesktest.Number(t, ticket))
	return helpdesktest.Call(header, body)
}
