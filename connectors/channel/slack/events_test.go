package slack_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/channel/slack"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/normalize"
)

// hooked is an account that Slack calls; the server does what the daemon's
// does with a call.
func hooked(t *testing.T, change func(*slack.Config)) *rig {
	t.Helper()
	var r *rig
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, call *http.Request) {
		body, err := io.ReadAll(call.Body)
		if err != nil {
			return
		}
		b, reply, err := r.Parse(call.Context(), &connectors.Request{Method: call.Method, Header: call.Header, Body: body, ReceivedAt: time.Now()})
		switch {
		case errors.Is(err, connectors.ErrForged):
			w.WriteHeader(http.StatusUnauthorized)
		case err != nil:
			w.WriteHeader(http.StatusBadRequest)
		case r.src.Sink(call.Context(), b) != nil:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = w.Write(reply.Body)
		}
	}))
	o := quick
	o.EventsURL, o.SigningSecret = srv.URL, secret
	r = open(t, o, func(c *slack.Config) {
		c.Mode = "events"
		if change != nil {
			change(c)
		}
	})
	t.Cleanup(srv.Close)
	return r
}

func TestEventsAPI(t *testing.T) {
	r := hooked(t, nil)
	r.src.failures = 1
	r.slack.Twice(1)
	root := r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "one"})
	r.settled(t)
	r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "two", Thread: root})
	r.settled(t)
	if got := r.src.texts(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("got %q", got)
	}
	if c := r.slack.Counts(); c.GivenUp > 0 {
		t.Errorf("Slack says %+v", c)
	}
	retried := slices.ContainsFunc(r.src.inputs, func(in normalize.Input) bool { return in.Meta["retry"] == "1 http_error" })
	if !retried {
		t.Error("no input says that Slack had tried before")
	}
}

// Events that overtake each other find their place all the same.
func TestEventsInAnyOrder(t *testing.T) {
	r := hooked(t, nil)
	r.slack.Hold()
	root := r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "one"})
	r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "two", Thread: root})
	r.slack.Release(true)
	r.settled(t)
	if len(r.src.messages) != 2 {
		t.Fatalf("%q", r.src.texts())
	}
	for _, m := range r.src.messages {
		if m.Thread.Key != shared+":"+root {
			t.Errorf("%q stands in %q", m.Text, m.Thread.Key)
		}
	}
}

func TestChallengeIsAnswered(t *testing.T) {
	r := hooked(t, nil)
	body := []byte(`{"type":"url_verification","challenge":"3eZbrw1a","token":"x"}`)
	call := &connectors.Request{Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/json"}}, Body: body, ReceivedAt: time.Now()}
	if _, _, err := r.Parse(t.Context(), call); !errors.Is(err, connectors.ErrForged) {
		t.Errorf("without a signature: %v", err)
	}
	simulator.Sign(call.Header, secret, body, time.Now())
	b, reply, err := r.Parse(t.Context(), call)
	if err != nil || len(b.Inputs) > 0 || string(reply.Body) != "3eZbrw1a" {
		t.Errorf("%d inputs, reply %q, %v", len(b.Inputs), reply.Body, err)
	}
}

// In mode socket nobody has to call.
func TestNoCallsInModeSocket(t *testing.T) {
	r := open(t, simulator.Options{}, nil)
	body := []byte(`{"type":"event_callback","event_id":"Ev1","event":{"type":"message"}}`)
	call := &connectors.Request{Method: http.MethodPost, Header: http.Header{}, Body: body, ReceivedAt: time.Now()}
	simulator.Sign(call.Header, secret, body, time.Now())
	if _, _, err := r.Parse(t.Context(), call); !errors.Is(err, connectors.ErrForged) {
		t.Errorf("%v", err)
	}
}

func TestWhoIsACustomer(t *testing.T) {
	const jonas, ana = "U02JONAS", "U02AGENCY"
	said := []struct{ channel, user, text string }{
		{shared, marie.ID, "marie"}, {shared, jonas, "jonas"}, {shared, ana, "ana"}, {"", jonas, "jonas directly"}, {"C02OTHER", marie.ID, "elsewhere"},
	}
	for name, c := range map[string]struct {
		change func(*slack.Config)
		want   []string
	}{
		"as it is by default":  {nil, []string{"marie", "ana", "jonas directly"}},
		"everyone":             {func(c *slack.Config) { c.Customers = "everyone" }, []string{"marie", "jonas", "ana", "jonas directly"}},
		"everyone but staff":   {func(c *slack.Config) { c.Customers, c.Staff = "everyone", []string{jonas, ana} }, []string{"marie", "jonas directly"}},
		"named guests":         {func(c *slack.Config) { c.Guests = []string{jonas} }, []string{"marie", "jonas", "ana", "jonas directly"}},
		"a helper from abroad": {func(c *slack.Config) { c.Staff = []string{marie.ID} }, []string{"ana", "jonas directly"}},
		"no direct messages":   {func(c *slack.Config) { c.DirectMessages = false }, []string{"marie", "ana"}},
		"another channel too":  {func(c *slack.Config) { c.ListenTo = append(c.ListenTo, "C02OTHER") }, []string{"marie", "ana", "jonas directly", "elsewhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := hooked(t, c.change)
			for _, p := range said {
				r.slack.Say(simulator.Post{Channel: p.channel, User: p.user, Text: p.text})
				r.settled(t)
			}
			if diff := cmp.Diff(c.want, r.src.texts()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What we send is told to us as an event, and must not become a customer's.
func TestOwnMessagesAreKnown(t *testing.T) {
	r := hooked(t, nil)
	th, _ := r.aThread(t)
	file := normalize.Part{Kind: normalize.PartImage, Media: &normalize.Media{Name: "a.png", Size: 4}}
	for _, o := range []*channel.Outbound{answer("1", th, say("x"), nil), answer("2", th, file, []byte("\x89PNG"))} {
		sent, err := r.Send(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		r.settled(t)
		if err := r.Recall(t.Context(), o, sent.ExternalID); err != nil {
			t.Fatal(err)
		}
		r.settled(t)
	}
	if got := r.src.texts(); !slices.Equal(got, []string{"Hello"}) {
		t.Errorf("got %q", got)
	}
	for _, item := range r.src.others {
		if i, ok := item.(*normalize.Ignored); !ok || i.Reason != "own_message" {
			t.Errorf("%T %+v", item, item)
		}
	}
}
