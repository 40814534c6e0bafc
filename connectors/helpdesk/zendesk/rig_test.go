package zendesk

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
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/zendesk"
	"github.com/deskbridge/deskbridge/normalize"
)

const secret = "simulated-webhook-secret"

var bob = simulator.Agent{Name: "Bob Miller", Email: "bob@acme.example"}

func start(t testing.TB, o simulator.Options) *simulator.Server {
	t.Helper()
	s, err := simulator.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func connect(t testing.TB, s *simulator.Server, change ...func(c *Config)) *Zendesk {
	t.Helper()
	cfg := newConfig()
	cfg.URL, cfg.Email, cfg.APIToken, cfg.WebhookSecret = s.URL(), s.Email(), configs.Secret(s.Token()), secret
	for _, f := range change {
		f(cfg)
	}
	if errs := cfg.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	h := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	t.Cleanup(h.CloseIdleConnections)
	return New(cfg, connectors.Deps{
		Account: normalize.Account{Name: "desk", Type: Type}, Log: slog.New(slog.DiscardHandler), HTTP: h, Guarded: h, Clock: connectors.SystemClock{},
		Key: bytes.Repeat([]byte{1}, 32), MaxMedia: 25 << 20,
	})
}

// product is what an agent sees and does.
type product struct{ s *simulator.Server }

func number(t testing.TB, id string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		t.Fatalf("%q is no ticket", id)
	}
	return n
}

func find(t testing.TB, s *simulator.Server, id string) simulator.Ticket {
	t.Helper()
	list := s.Tickets()
	i := slices.IndexFunc(list, func(k simulator.Ticket) bool { return k.ID == number(t, id) })
	if i < 0 {
		t.Fatalf("there is no ticket %s", id)
	}
	return list[i]
}

func (p product) Ticket(t testing.TB, id string) helpdesktest.Ticket {
	t.Helper()
	one := find(t, p.s, id)
	names := map[int64]string{}
	for _, u := range p.s.Users() {
		names[u.ID] = u.Name
	}
	k := helpdesktest.Ticket{Subject: one.Subject, Open: one.Status != solved && one.Status != closed, Gone: one.Status == deleted || one.Status == closed}
	for _, c := range one.Comments {
		e := helpdesktest.Entry{ID: strconv.FormatInt(c.ID, 10), Internal: !c.Public, Author: names[c.Author], Text: c.Body}
		for _, f := range c.Files {
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
	p.s.Solve(number(t, ticket), bob)
}

func (p product) Reopen(t testing.TB, ticket string) {
	t.Helper()
	p.s.Reopen(number(t, ticket), bob)
}

func (p product) Merge(t testing.TB, from, into string) bool {
	t.Helper()
	return p.s.Merge(number(t, from), number(t, into), bob)
}

func (p product) Delete(t testing.TB, ticket string) bool {
	t.Helper()
	return p.s.Delete(number(t, ticket), bob)
}

func (p product) Begin(t testing.TB, answer string) string {
	t.Helper()
	return strconv.FormatInt(p.s.Begin(bob, "Of somebody else", answer), 10)
}

func (p product) Mailed() int { return p.s.Mailed() }

func (p product) Call(t testing.TB, ticket string) *connectors.Request {
	t.Helper()
	return signed(p.s.Call("comment_added", number(t, ticket)))
}

// signed is a call as Zendesk makes it.
func signed(body []byte) *connectors.Request {
	r := &connectors.Request{
		Method: http.MethodPost, URL: "https://desk.example.com/webhooks/desk", Header: http.Header{"Content-Type": {"application/json"}}, Body: body, ReceivedAt: time.Now(),
	}
	simulator.Sign(r.Header, secret, body, r.ReceivedAt)
	return r
}

func TestSuite(t *testing.T) {
	helpdesktest.Run(t, helpdesktest.Suite{
		Open: func(t testing.TB) (helpdesk.Tickets, helpdesktest.Product) {
			s := start(t, simulator.Options{})
			return connect(t, s), product{s}
		},
		Denied: func(t testing.TB) helpdesk.Tickets {
			return connect(t, start(t, simulator.Options{}), func(c *Config) { c.APIToken = "other" })
		},
		Away: func(t testing.TB) helpdesk.Tickets {
			return connect(t, start(t, simulator.Options{}), func(c *Config) { c.URL = "http://127.0.0.1:1" })
		},
	})
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

func withContent(name, contentType, content string) helpdesk.Attachment {
	return helpdesk.Attachment{
		Media: &normalize.Media{Name: name, ContentType: contentType, Size: int64(len(content))},
		Open:  func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
	}
}
