package chatwoot

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/chatwoot"
)

func TestCallsAreVerified(t *testing.T) {
	c := open(t, start(t))
	body := []byte(`{"event":"conversation_status_changed","id":7,"inbox_id":5,"status":"resolved"}`)
	for _, x := range []struct {
		name   string
		change func(r *connectors.Request)
		want   error
	}{
		{"as it came", func(*connectors.Request) {}, nil},
		{"nearly late", func(r *connectors.Request) { r.ReceivedAt = r.ReceivedAt.Add(tolerance - 2*time.Second) }, nil},
		{"late", func(r *connectors.Request) { r.ReceivedAt = r.ReceivedAt.Add(tolerance + 2*time.Second) }, connectors.ErrForged},
		{"from the future", func(r *connectors.Request) { r.ReceivedAt = r.ReceivedAt.Add(-tolerance - 2*time.Second) }, connectors.ErrForged},
		{"another body", func(r *connectors.Request) { r.Body = append(slices.Clone(r.Body), ' ') }, connectors.ErrForged},
		{"another secret", func(r *connectors.Request) { simulator.Sign(r.Header, "other", r.Body, r.ReceivedAt) }, connectors.ErrForged},
		{"another time", func(r *connectors.Request) {
			r.Header.Set("X-Chatwoot-Timestamp", fmt.Sprint(r.ReceivedAt.Unix()-1))
		}, connectors.ErrForged},
		{"unsigned", func(r *connectors.Request) { r.Header.Del("X-Chatwoot-Signature") }, connectors.ErrForged},
		{"by GET", func(r *connectors.Request) { r.Method = http.MethodGet }, connectors.ErrMalformed},
		{"elsewhere", func(r *connectors.Request) { r.Path = "/status" }, connectors.ErrMalformed},
	} {
		r := signed(body)
		x.change(r)
		tickets, _, err := c.Parse(t.Context(), r)
		if !errors.Is(err, x.want) || x.want == nil && !slices.Equal(tickets, []string{"7"}) {
			t.Errorf("%s: %v, %v", x.name, tickets, err)
		}
	}
	silent := open(t, start(t), func(c *Config) { c.WebhookSecret = "" })
	r := signed(body)
	simulator.Sign(r.Header, "", body, r.ReceivedAt)
	if _, _, err := silent.Parse(t.Context(), r); !errors.Is(err, connectors.ErrForged) {
		t.Errorf("without a secret configured: %v", err)
	}
}

func TestCallsNameTicketsThatOthersChanged(t *testing.T) {
	c := open(t, start(t))
	for _, x := range []struct {
		body string
		want []string
	}{
		{`{"event":"message_created","id":9,"message_type":"outgoing","conversation":{"id":7,"inbox_id":5},"account":{"id":1}}`, []string{"7"}},
		{`{"event":"message_created","id":9,"message_type":"outgoing","private":true,"conversation":{"id":7}}`, []string{"7"}},
		{`{"event":"message_created","id":9,"message_type":"outgoing","source_id":"deskbridge:m1","conversation":{"id":7}}`, nil},
		{`{"event":"message_created","id":9,"message_type":"outgoing","content_attributes":{"deskbridge":"m1"},"conversation":{"id":7}}`, nil},
		{`{"event":"message_created","id":9,"message_type":"incoming","conversation":{"id":7}}`, nil},
		{`{"event":"message_created","id":9,"message_type":"outgoing","conversation":{"id":7,"inbox_id":6}}`, nil},
		{`{"event":"message_created","id":9,"message_type":"outgoing","conversation":{"id":7},"account":{"id":2}}`, nil},
		{`{"event":"message_updated","id":9,"message_type":"outgoing","conversation":{"id":7}}`, nil},
		{`{"event":"contact_created","id":9}`, nil},
	} {
		tickets, _, err := c.Parse(t.Context(), signed([]byte(x.body)))
		if err != nil || !slices.Equal(tickets, x.want) {
			t.Errorf("%s: %v, %v", x.body, tickets, err)
		}
	}
	for _, body := range []string{"", "{", "[]", "null", `{"a":1}`, `{"event":7}`} {
		if _, _, err := c.Parse(t.Context(), signed([]byte(body))); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// The simulator's own calls, of what agents and we do there, lead to the
// tickets that agents changed.
func TestChatwootsOwnCalls(t *testing.T) {
	s := start(t)
	c := open(t, s)
	s.SetWebhook("http://127.0.0.1:1/", secret)
	id := begin(t, c)
	write(t, c, id, helpdesktest.Further(helpdesk.FromCustomer, "m1", "Hello"))
	count := func() (calls, named int) {
		for _, d := range s.Deliveries() {
			tickets, _, err := c.Parse(t.Context(), &connectors.Request{Method: http.MethodPost, Header: d.Header, Body: d.Body, ReceivedAt: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			calls++
			named += len(tickets)
		}
		return calls, named
	}
	until := func(want, named int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			calls, n := count()
			if calls == want && n == named {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d calls name %d tickets, want %d and %d", calls, n, want, named)
			}
		}
	}
	until(3, 0) // conversation_created, the note, the message
	s.Answer(helpdesktest.Number(t, id), bob, "Yes")
	until(4, 1)
	s.SetStatus(helpdesktest.Number(t, id), bob, simulator.Resolved)
	until(5, 2)
}
