package zendesk

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/zendesk"
)

func TestCallsAreVerified(t *testing.T) {
	z := connect(t, start(t, simulator.Options{}))
	body := []byte(`{"type":"zen:event-type:ticket.comment_added","subject":"zen:ticket:35436","detail":{"id":"35436"}}`)
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
			r.Header.Set("X-Zendesk-Webhook-Signature-Timestamp", r.ReceivedAt.Add(-time.Second).UTC().Format(time.RFC3339))
		}, connectors.ErrForged},
		{"unsigned", func(r *connectors.Request) { r.Header.Del("X-Zendesk-Webhook-Signature") }, connectors.ErrForged},
		{"by GET", func(r *connectors.Request) { r.Method = http.MethodGet }, connectors.ErrMalformed},
		{"elsewhere", func(r *connectors.Request) { r.Path = "/status" }, connectors.ErrMalformed},
	} {
		r := signed(body)
		x.change(r)
		tickets, _, err := z.Parse(t.Context(), r)
		if !errors.Is(err, x.want) || x.want == nil && !slices.Equal(tickets, []string{"35436"}) {
			t.Errorf("%s: %v, %v", x.name, tickets, err)
		}
	}
	silent := connect(t, start(t, simulator.Options{}), func(c *Config) { c.WebhookSecret = "" })
	r := signed(body)
	simulator.Sign(r.Header, "", body, r.ReceivedAt)
	if _, _, err := silent.Parse(t.Context(), r); !errors.Is(err, connectors.ErrForged) {
		t.Errorf("without a secret configured: %v", err)
	}
}

func TestCallsOfOtherKinds(t *testing.T) {
	z := connect(t, start(t, simulator.Options{}))
	for body, want := range map[string]error{
		`{"type":"zen:event-type:user.created","subject":"zen:user:1"}`:              nil,
		`{"type":"zen:event-type:ticket.created","subject":"zen:organization:1"}`:    nil,
		`{"type":"zen:event-type:ticket.created","subject":"zen:ticket:../users/1"}`: connectors.ErrMalformed,
		`{"type":"zen:event-type:ticket.created","subject":"zen:ticket:-1"}`:         connectors.ErrMalformed,
		`{}`: connectors.ErrMalformed, `[]`: connectors.ErrMalformed, `null`: connectors.ErrMalformed, ``: connectors.ErrMalformed,
	} {
		tickets, _, err := z.Parse(t.Context(), signed([]byte(body)))
		if !errors.Is(err, want) || len(tickets) > 0 {
			t.Errorf("%s: %v, %v", body, tickets, err)
		}
	}
}

// Zendesk's own calls, of what agents and we do there, are taken.
func TestZendesksOwnCalls(t *testing.T) {
	s := start(t, simulator.Options{RetryAfter: time.Millisecond})
	z := connect(t, s)
	s.SetWebhook("http://127.0.0.1:1/", secret)
	id := begin(t, z, "c1")
	s.Answer(helpdesktest.Number(t, id), bob, "Yes")
	s.Solve(helpdesktest.Number(t, id), bob)
	write(t, z, id, helpdesktest.Further(helpdesk.Remark, "r1", "x"))
	for deadline := time.Now().Add(time.Minute); len(s.Deliveries()) < 4; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d calls", len(s.Deliveries()))
		}
	}
	for _, d := range s.Deliveries() {
		tickets, _, err := z.Parse(t.Context(), &connectors.Request{Method: http.MethodPost, Header: d.Header, Body: d.Body, ReceivedAt: time.Now()})
		if err != nil || !slices.Equal(tickets, []string{id}) {
			t.Errorf("%s: %v, %v", d.Event, tickets, err)
		}
	}
}
