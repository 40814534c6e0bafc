package connectortest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

// publicURL is what vendors call in the tests.
const publicURL = "https://desk.example.com"

// name of the account under test.
const name = "tested"

// account is an open channel with a vendor to talk to.
type account struct {
	channel.Channel
	vendor *httptest.Server
	// transport is that of the channel's HTTP client.
	transport *http.Transport
	log       *Output
	secrets   []string
}

// kind returns the registered kind.
func (s Suite) kind(t testing.TB) channel.Kind {
	t.Helper()
	k, ok := channel.Kinds.Get(s.Type)
	if !ok {
		t.Fatalf("no channel of type %q is registered", s.Type)
	}
	return k
}

// settings loads the account's settings as the daemon does.
func (s Suite) settings(t testing.TB, vendor string) configs.Settings {
	t.Helper()
	k := s.kind(t)
	var file strings.Builder
	fmt.Fprintf(&file, "server: {public_url: %s}\nchannels:\n  - name: %s\n    type: %s\n", publicURL, name, s.Type)
	for line := range strings.Lines(strings.ReplaceAll(s.Config, "{vendor}", vendor)) {
		file.WriteString("    " + line)
	}
	path := filepath.Join(t.TempDir(), "deskbridge.yaml")
	if err := os.WriteFile(path, []byte(file.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := configs.Load(path, configs.Types{Channels: map[string]func() configs.Settings{s.Type: k.Config}})
	if err != nil {
		t.Fatalf("the suite's configuration: %v", err)
	}
	return f.Channels[0].Settings
}

// open opens the channel against a vendor.
func (s Suite) open(t testing.TB, vendor http.Handler) *account {
	t.Helper()
	a := &account{log: &Output{}}
	if vendor == nil {
		vendor = http.NotFoundHandler()
	}
	a.vendor = httptest.NewServer(vendor)
	settings := s.settings(t, a.vendor.URL)
	a.secrets = secretsOf(reflect.ValueOf(settings))
	a.transport = &http.Transport{}
	client := &http.Client{Transport: a.transport}
	k := s.kind(t)
	ch, err := k.New(settings, connectors.Deps{
		Account: normalize.Account{Name: name, Type: s.Type},
		Log:     slog.New(slog.NewTextHandler(a.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		HTTP:    client, Guarded: client, Clock: connectors.SystemClock{}, Tokens: &Tokens{Now: time.Now},
		PublicURL: publicURL, Key: bytes.Repeat([]byte{7}, 32), MaxMedia: 25 << 20,
	})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	a.Channel = ch
	var once sync.Once
	t.Cleanup(func() {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
			defer cancel()
			if err := ch.Close(ctx); err != nil {
				t.Errorf("close: %v", err)
			}
			a.transport.CloseIdleConnections()
			a.vendor.CloseClientConnections()
			a.vendor.Close()
			a.hides(t, "the log", a.log.String())
		})
	})
	return a
}

// sender is the channel as one that sends, which a suite with Sends says it is.
func (a *account) sender(t testing.TB) channel.Sender {
	t.Helper()
	s, ok := a.Channel.(channel.Sender)
	if !ok {
		t.Fatal("the suite knows requests that send; the channel sends nothing")
	}
	return s
}

// hides fails where text shows a secret of the account.
func (a *account) hides(t testing.TB, what, text string) {
	t.Helper()
	for _, secret := range a.secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows a secret of the account", what)
		}
	}
}

// secretsOf collects the values of all configs.Secret fields.
func secretsOf(v reflect.Value) (list []string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			list = secretsOf(v.Elem())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			list = append(list, secretsOf(field)...)
		}
	case reflect.Slice:
		for i := range v.Len() {
			list = append(list, secretsOf(v.Index(i))...)
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[configs.Secret]() && v.Len() >= 6 {
			list = append(list, v.String())
		}
	}
	return list
}

// registration: the kind is complete, and its settings say what is wrong.
func (s Suite) registration(t *testing.T) {
	k := s.kind(t)
	if k.Title == "" || len(k.Addresses) == 0 || k.Facts.PerPeerHour == 0 {
		t.Errorf("title %q, addresses %v, facts %+v: all are needed", k.Title, k.Addresses, k.Facts)
	}
	a := s.open(t, s.vendor(t))
	_, webhook := a.Channel.(channel.Webhook)
	_, polls := a.Channel.(channel.Poller)
	_, streams := a.Channel.(channel.Streamer)
	if !webhook && !polls && !streams {
		t.Error("nothing comes in: neither Webhook nor Poller nor Streamer")
	}
	if webhook && s.Sign == nil {
		t.Error("the channel takes calls: the suite needs Sign")
	}
	us, err := a.Probe(t.Context())
	if err != nil {
		t.Errorf("probe against a vendor that is well: %v", err)
	}
	if us.Kind == "" || us.Value == "" {
		t.Errorf("probe does not say who we are: %+v", us)
	}
	settings := s.settings(t, a.vendor.URL)
	a.hides(t, "the configuration, printed,", fmt.Sprintf("%v %+v %#v", settings, settings, settings))
}

func (s Suite) vendor(t testing.TB) http.Handler {
	if s.Vendor == nil {
		return nil
	}
	return s.Vendor(t)
}
