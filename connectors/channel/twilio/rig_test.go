package twilio_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/channel/twilio"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/normalize"
)

const public = "https://desk.example.com"

// rig is an account against the simulated vendor, both over real connections:
// what the vendor calls is parsed, decoded and kept, as the daemon does.
type rig struct {
	t      *testing.T
	vendor *simulator.Server
	phone  *twilio.Twilio

	mu    sync.Mutex
	items []normalize.Item
	down  int             // how many calls are answered with 503
	known map[string]bool // the ids of what was sent, as the store keeps them
}

// options change the account and the vendor before they start.
type options struct {
	config func(*twilio.Config)
	vendor func(*simulator.Options)
	wrap   func(http.RoundTripper) http.RoundTripper // what goes to the vendor
}

func newRig(t *testing.T, o options) *rig {
	t.Helper()
	before := goleak.IgnoreCurrent()
	r := &rig{t: t, known: map[string]bool{}}
	daemon := httptest.NewServer(http.HandlerFunc(r.take))
	v := simulator.Options{
		AccountSID: accountSID, AuthToken: authToken, Senders: []string{ours, "whatsapp:" + ours, "EXAMPLE"},
		Services: map[string][]string{"MG1": {ours, "whatsapp:" + ours}},
		Hook:     public + "/webhooks/phone#rc=3&rp=5xx,ct,rt", Target: daemon.URL, Pause: time.Millisecond,
	}
	if o.vendor != nil {
		o.vendor(&v)
	}
	var err error
	if r.vendor, err = simulator.Start(v); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	client := &http.Client{Transport: transport}
	if o.wrap != nil {
		client.Transport = o.wrap(transport)
	}
	cfg := configFor(t, r.vendor.URL())
	if o.config != nil {
		o.config(cfg)
	}
	if errs := cfg.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	r.phone, err = twilio.New(cfg, connectors.Deps{
		Account: normalize.Account{Name: "phone", Type: twilio.Type}, Log: slog.New(slog.DiscardHandler),
		HTTP: client, Guarded: client, Clock: connectors.SystemClock{}, PublicURL: public, MaxMedia: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.vendor.Close(); err != nil {
			t.Error(err)
		}
		daemon.Close()
		transport.CloseIdleConnections()
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
	})
	return r
}

// configFor is an account with its defaults.
func configFor(t *testing.T, api string) *twilio.Config {
	t.Helper()
	k, _ := channel.Kinds.Get(twilio.Type)
	cfg := k.Config().(*twilio.Config)
	cfg.AccountSID, cfg.AuthToken, cfg.From, cfg.APIURL = accountSID, configs.Secret(authToken), ours, api
	return cfg
}

// take is the daemon's webhook.
func (r *rig) take(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	down := r.down > 0
	if down {
		r.down--
	}
	r.mu.Unlock()
	if down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	b, reply, err := r.phone.Parse(q.Context(), &connectors.Request{
		Method: q.Method, URL: public + q.URL.RequestURI(), Path: strings.TrimPrefix(q.URL.Path, "/webhooks/phone"),
		Header: q.Header, Body: body, ReceivedAt: time.Now(),
	})
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	for _, in := range b.Inputs {
		item, err := r.phone.Decode(in)
		if err != nil {
			r.t.Errorf("%s: %v", in.Key, err)
			continue
		}
		r.mu.Lock()
		r.items = append(r.items, item)
		r.mu.Unlock()
	}
	if reply.ContentType != "" {
		w.Header().Set("Content-Type", reply.ContentType)
	}
	if reply.Status != 0 {
		w.WriteHeader(reply.Status)
	}
	_, _ = w.Write(reply.Body)
}

// of returns the items of a type that came in, oldest first.
func of[T normalize.Item](r *rig) (list []T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, item := range r.items {
		if it, ok := item.(T); ok {
			list = append(list, it)
		}
	}
	return list
}

// until waits for something that comes by itself.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s did not happen", what)
		}
	}
}

// answer is an agent's answer to m; a message to anna where m is nil.
func (r *rig) answer(m *normalize.Message, part normalize.Part) *channel.Outbound {
	r.t.Helper()
	return r.answerTo(m, normalize.Address{}, part)
}

// answerTo is an answer to m, or the first message to somebody.
func (r *rig) answerTo(m *normalize.Message, to normalize.Address, part normalize.Part) *channel.Outbound {
	r.t.Helper()
	if to.IsZero() {
		to = normalize.Address{Kind: normalize.KindPhone, Value: anna}
	}
	part.ID = normalize.NewID(time.Now())
	out := &normalize.Message{
		ID: normalize.NewID(time.Now()), Direction: normalize.Outbound, Address: to,
		Parts: []normalize.Part{part}, SentAt: time.Now(),
	}
	if m != nil {
		out.Address, out.Thread, out.ReplyWindow = m.Address, m.Thread, m.ReplyWindow
	}
	if err := r.phone.Prepare(out, m); err != nil {
		r.t.Fatal(err)
	}
	return &channel.Outbound{
		Key: "db-" + part.ID.String(), Attempt: 1, Begun: time.Now(), Message: out, Parts: out.Parts, Recipients: []normalize.Address{out.Address},
		Begin: func(context.Context) error { return nil },
		Known: func(_ context.Context, id string) (bool, error) { return r.known[id], nil },
		Link:  func(m *normalize.Media) string { return public + "/files/" + m.Name },
	}
}

func text(s string) normalize.Part { return normalize.Part{Kind: normalize.PartText, Text: s} }

func (r *rig) send(o *channel.Outbound) channel.Sent {
	r.t.Helper()
	sent, err := r.phone.Send(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.known[sent.ExternalID] = true
	return sent
}

// receive lets a customer write and returns the message.
func (r *rig) receive(in simulator.Inbound) *normalize.Message {
	r.t.Helper()
	before := len(of[*normalize.Message](r))
	if _, err := r.vendor.Receive(r.t.Context(), in); err != nil {
		r.t.Fatal(err)
	}
	list := of[*normalize.Message](r)
	if len(list) != before+1 {
		r.t.Fatalf("%d messages came of one", len(list)-before)
	}
	return list[before]
}
