package rt_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/helpdesk/rt"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

const secret = "correct horse battery"

func TestSuite(t *testing.T) {
	r := testenv.StartRT(t)
	helpdesktest.Run(t, helpdesktest.Suite{
		Open: func(t testing.TB) (helpdesk.Tickets, helpdesktest.Product) {
			return connect(t, &rt.Config{URL: r.URL, Token: configs.Secret(r.Token), WebhookSecret: secret}), agents{r}
		},
		Denied: func(t testing.TB) helpdesk.Tickets {
			return connect(t, &rt.Config{URL: r.URL, Token: "1-14-0123456789abcdef0123456789abcdef"})
		},
		Away: func(t testing.TB) helpdesk.Tickets {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			_ = l.Close()
			return connect(t, &rt.Config{URL: "http://" + l.Addr().String(), Token: configs.Secret(r.Token)})
		},
	})
}

// agents are the people of a real RT.
type agents struct{ rt *testenv.RT }

func (a agents) Ticket(_ testing.TB, id string) helpdesktest.Ticket {
	ann := a.rt.As("ann")
	s := ann.Ticket(id)
	k := helpdesktest.Ticket{
		Subject: s.Subject, Gone: s.ID != id || s.Status == "deleted",
		Open: s.Status != "resolved" && s.Status != "rejected" && s.Status != "deleted",
	}
	for _, h := range ann.History(id) {
		if h.Type != "Create" && h.Type != "Correspond" && h.Type != "Comment" {
			continue
		}
		e := helpdesktest.Entry{ID: h.ID, Internal: h.Type == "Comment", Author: h.Creator, Text: h.Text}
		for _, f := range h.Files {
			e.Files = append(e.Files, f.Name)
		}
		k.Entries = append(k.Entries, e)
	}
	return k
}

func (a agents) Answer(_ testing.TB, ticket, text string, files ...string) string {
	var list []testenv.RTFile
	for _, name := range files {
		list = append(list, testenv.RTFile{Name: name, Type: "text/plain", Content: []byte(name)})
	}
	return a.rt.As("ann").Correspond(ticket, text, list...)
}

func (a agents) Note(_ testing.TB, ticket, text string) string {
	return a.rt.As("bob").Comment(ticket, text)
}

func (a agents) Close(_ testing.TB, ticket string)  { a.rt.As("ann").SetStatus(ticket, "resolved") }
func (a agents) Reopen(_ testing.TB, ticket string) { a.rt.As("ann").SetStatus(ticket, "open") }

func (a agents) Merge(_ testing.TB, from, into string) bool {
	a.rt.As("ann").Merge(from, into)
	return true
}

// Begin makes a ticket of a stranger.
func (a agents) Begin(_ testing.TB, answer string) string {
	id := a.rt.As("ann").Create("Of somebody else", "Hello")
	a.rt.As("ann").Correspond(id, answer)
	return id
}

func (a agents) Delete(_ testing.TB, ticket string) bool {
	a.rt.As("ann").SetStatus(ticket, "deleted")
	return true
}

func (a agents) Mailed() int { return mailed(a.rt) }

// mailed counts the mails of RT to others than its agents.
func mailed(r *testenv.RT) (n int) {
	for _, to := range r.Recipients() {
		if !strings.HasSuffix(to, "@desk.test") {
			n++
		}
	}
	return n
}

func (agents) Call(_ testing.TB, ticket string) *connectors.Request {
	return signed(ticket, time.Now())
}

// signed is what the scrip in docs/rt.md sends.
func signed(ticket string, at time.Time) *connectors.Request {
	body := fmt.Appendf(nil, `{"at":%d,"ticket":%s}`, at.Unix(), ticket)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return &connectors.Request{
		Method: http.MethodPost, Header: http.Header{rt.HeaderSignature: {hex.EncodeToString(mac.Sum(nil))}}, Body: body, ReceivedAt: time.Now(),
	}
}

func TestStaleCallsAreRefused(t *testing.T) {
	h := connect(t, &rt.Config{URL: "http://rt.example", Token: "1-2-3", WebhookSecret: secret})
	if tickets, _, err := h.Parse(t.Context(), signed("7", time.Now().Add(-time.Minute))); err != nil || len(tickets) != 1 {
		t.Errorf("a fresh call: %v, %v", tickets, err)
	}
	for _, at := range []time.Time{time.Now().Add(-time.Hour), time.Now().Add(time.Hour)} {
		if _, _, err := h.Parse(t.Context(), signed("7", at)); !errors.Is(err, connectors.ErrForged) {
			t.Errorf("a call of %v: %v", at, err)
		}
	}
	bare := connect(t, &rt.Config{URL: "http://rt.example", Token: "1-2-3"})
	if _, _, err := bare.Parse(t.Context(), signed("7", time.Now())); !errors.Is(err, connectors.ErrForged) {
		t.Errorf("without a secret of ours: %v", err)
	}
}
