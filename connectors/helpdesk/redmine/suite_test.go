package redmine

import (
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// connect opens a connector to a Redmine.
func connect(url, key, project string) *Redmine {
	c := newConfig()
	c.URL, c.APIKey, c.Project = url, configs.Secret(key), project
	return New(c, connectors.Deps{Log: slog.New(slog.DiscardHandler), HTTP: &http.Client{Transport: &http.Transport{}}, Clock: connectors.SystemClock{}})
}

func TestSuite(t *testing.T) {
	r := testenv.StartRedmine(t)
	helpdesktest.Run(t, helpdesktest.Suite{
		Open: func(testing.TB) (helpdesk.Tickets, helpdesktest.Product) {
			return connect(r.URL, r.APIKey, r.Project), &product{r}
		},
		Denied: func(testing.TB) helpdesk.Tickets { return connect(r.URL, "wrong", r.Project) },
		Away:   func(testing.TB) helpdesk.Tickets { return connect("http://127.0.0.1:9", r.APIKey, r.Project) },
	})
}

// product is what Anna sees and does.
type product struct {
	*testenv.Redmine
}

func number(t testing.TB, id string) int {
	t.Helper()
	n, _, err := numbers(id)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (p *product) Ticket(t testing.TB, id string) helpdesktest.Ticket {
	t.Helper()
	i := p.Anna.Issue(number(t, id))
	if i == nil {
		return helpdesktest.Ticket{Gone: true}
	}
	shown := texts(t, p.Anna.Page(i.ID))
	k := helpdesktest.Ticket{Subject: i.Subject, Open: !i.Status.Closed}
	first := helpdesktest.Entry{ID: "i" + id, Author: "Desk Bridge", Text: shown["description"]}
	later := map[string]bool{} // files of notes
	for _, j := range i.Journals {
		e := helpdesktest.Entry{ID: strconv.Itoa(j.ID), Internal: j.Private, Author: j.User.Name, Text: shown["journal-"+strconv.Itoa(j.ID)+"-notes"]}
		for _, d := range j.Details {
			if d.Property == "attachment" {
				e.Files = append(e.Files, d.New)
				later[d.Name] = true
			}
		}
		if e.Text != "" || e.Files != nil {
			k.Entries = append(k.Entries, e)
		}
	}
	for _, a := range i.Attachments {
		if !later[strconv.Itoa(a.ID)] {
			first.Files = append(first.Files, a.Name)
		}
	}
	k.Entries = append([]helpdesktest.Entry{first}, k.Entries...)
	return k
}

// texts returns what the formatted texts of a page show, by the ids of their
// elements.
func texts(t testing.TB, page string) map[string]string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(n *html.Node, in string)
	walk = func(n *html.Node, in string) {
		for _, a := range n.Attr {
			switch {
			case a.Key == "id" && strings.HasSuffix(a.Val, "-notes"):
				in = a.Val
			case a.Key == "class" && a.Val == "wiki" && n.Parent.Data == "div" && slices.Contains(n.Parent.Attr, html.Attribute{Key: "class", Val: "description"}):
				in = "description"
			}
		}
		if n.Type == html.TextNode && in != "" {
			found[in] += n.Data
		}
		for c := range n.ChildNodes() {
			walk(c, in)
		}
	}
	walk(doc, "")
	for id, s := range found {
		found[id] = strings.TrimSpace(strings.ReplaceAll(s, joiner, ""))
	}
	return found
}

func (p *product) Answer(t testing.TB, id, text string, files ...string) string {
	t.Helper()
	return strconv.Itoa(p.Anna.Note(number(t, id), text, files...))
}

func (p *product) Note(t testing.TB, id, text string) string {
	t.Helper()
	return strconv.Itoa(p.Anna.PrivateNote(number(t, id), text))
}

func (p *product) Close(t testing.TB, id string)  { t.Helper(); p.Anna.Close(number(t, id)) }
func (p *product) Reopen(t testing.TB, id string) { t.Helper(); p.Anna.Reopen(number(t, id)) }
func (p *product) Delete(t testing.TB, id string) bool {
	t.Helper()
	p.Anna.Create("So that the number is not given again", "")
	p.Anna.Delete(number(t, id))
	return true
}
func (p *product) Merge(testing.TB, string, string) bool       { return false }
func (p *product) Call(testing.TB, string) *connectors.Request { return nil }

// Mailed counts mail to anybody but the people of the project.
func (p *product) Mailed() (n int) {
	for _, to := range p.Redmine.Mailed() {
		if to != "anna@example.test" && to != "bert@example.test" && to != "admin@example.test" {
			n++
		}
	}
	return n
}
