package demo

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk/webhook"
	"github.com/deskbridge/deskbridge/normalize"
)

func TestDeskTakesSignedEventsOnce(t *testing.T) {
	d, err := newDesk(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	hand := func(secret string) error {
		h, err := webhook.New(&webhook.Config{URL: d.url, Secret: configs.Secret(secret)}, connectors.Deps{HTTP: client, Clock: connectors.SystemClock{}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		m := &normalize.Message{ID: 7, Direction: normalize.Inbound, Text: "Hello"}
		return h.Forward(ctx, &normalize.Event{ID: 9, Type: normalize.MessageReceived, Timestamp: time.Now(), Data: &normalize.MessageEvent{Message: m}})
	}

	if err := hand("whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 32)))); err == nil || d.refused() != 1 {
		t.Errorf("a wrong signature: %v, refused %d", err, d.refused())
	}
	got := make(chan delivery, 2)
	go func() { got <- <-d.out }()
	for range 2 {
		if err := hand(d.secret); err != nil {
			t.Fatal(err)
		}
	}
	first := <-got
	if e, ok := first.event.Data.(*normalize.MessageEvent); !ok || e.Message == nil || e.ID != 7 || e.Text != "Hello" {
		t.Errorf("delivered: %+v", first.event)
	}
	select {
	case again := <-d.out:
		t.Errorf("the repeat was taken for news: %+v", again)
	default:
	}
}
