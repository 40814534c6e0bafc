package zendesk

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/zendesk"
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
	return New(cfg, helpdesktest.Deps(t, Type))
}

// product is what an agent sees and does.
type product struct{ s *simulator.Server }

func find(t testing.TB, s *simulator.Server, id string) simulator.Ticket {
	t.Helper()
	list := s.Tickets()
	i := slices.IndexFunc(list, func(k simulator.Ticket) bool { return k.ID == helpdesktest.Number(t, id) })
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
	return strconv.FormatInt(p.s.Answer(helpdesktest.Number(t, ticket), bob, text, list...), 10)
}

func (p product) Note(t testing.TB, ticket, text string) string {
	t.Helper()
	return strconv.FormatInt(p.s.Note(helpdesktest.Number(t, ticket), bob, text), 10)
}

func (p product) Close(t testing.TB, ticket string) {
	t.Helper()
	p.s.Solve(helpdesktest.Number(t, ticket), bob)
}

func (p product) Reopen(t testing.TB, ticket string) {
	t.Helper()
	p.s.Reopen(helpdesktest.Number(t, ticket), bob)
}

func (p product) Merge(t testing.TB, from, into string) bool {
	t.Helper()
	return p.s.Merge(helpdesktest.Number(t, from), helpdesktest.Number(t, into), bob)
}

func (p product) Delete(t testing.TB, ticket string) bool {
	t.Helper()
	return p.s.Delete(helpdesktest.Number(t, ticket), bob)
}

func (p product) Begin(t testing.TB, answer string) string {
	t.Helper()
	return strconv.FormatInt(p.s.Begin(bob, "Of somebody else", answer), 10)
}

func (p product) Mailed() int { return p.s.Mailed() }

func (p product) Call(t testing.TB, ticket string) *connectors.Request {
	t.Helper()
	return signed(p.s.Call("comment_added", helpdesktest.Number(t, ticket)))
}

// signed is a call as Zendesk makes it.
func signed(body []byte) *connectors.Request {
	r := helpdesktest.Call(http.Header{"Content-Type": {"application/json"}}, body)
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
			return connect(t, start(t, simulator.Options{}), func(c *Config) { c.URL = helpdesktest.Nowhere(t) })
		},
	})
}
