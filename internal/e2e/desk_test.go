package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/helpdesk/webhook"
)

const deskSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

// event is an event as a helpdesk reads it.
type event struct {
	ID   string  `json:"id"`
	Type string  `json:"type"`
	Data message `json:"data"`
}

// message is what the tests look at of a message.
type message struct {
	ID             string `json:"id"`
	ConversationID string `json:"conversation_id"`
	ExternalID     string `json:"external_id"`
	Direction      string `json:"direction"`
	Subject        string `json:"subject"`
	Text           string `json:"text"`
	Unreadable     string `json:"unreadable"`
	RawAvailable   bool   `json:"raw_available"`
	Automated      bool   `json:"automated"`
	Customer       struct {
		ID        string `json:"id"`
		Addresses []struct {
			Value string `json:"value"`
		} `json:"addresses"`
	} `json:"customer"`
	Address struct {
		Value string `json:"value"`
	} `json:"address"`
	ReplyWindow *struct {
		Until     time.Time `json:"until"`
		Remaining int       `json:"remaining"`
	} `json:"reply_window"`
	Parts []struct {
		ID     string `json:"id"`
		Status string `json:"status"`
		Error  string `json:"error"`
		Kind   string `json:"kind"`
		Media  struct {
			ID string `json:"id"`
		} `json:"media"`
	} `json:"parts"`
	Change struct {
		Status    string `json:"status"`
		Code      string `json:"code"`
		Recipient struct {
			Value string `json:"value"`
		} `json:"recipient"`
	} `json:"change"` // of a message.status
}

// desk is a helpdesk that takes webhooks. It answers what status says and
// keeps what it accepted, in order, repeats too.
type desk struct {
	t      *testing.T
	server *httptest.Server

	mu     sync.Mutex
	status int
	events []event
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, status: http.StatusOK}
	d.server = httptest.NewServer(d)
	t.Cleanup(d.server.Close)
	return d
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if err := webhook.Verify(deskSecret, r.Header, body, time.Now()); err != nil {
		d.t.Errorf("webhook with a bad signature: %v", err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil || e.ID != r.Header.Get("webhook-id") {
		d.t.Errorf("webhook body %s, id %q: %v", body, r.Header.Get("webhook-id"), err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.status == http.StatusOK {
		d.events = append(d.events, e)
	}
	w.WriteHeader(d.status)
}

// answer makes the helpdesk answer with a status from now on.
func (d *desk) answer(status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status = status
}

// received returns the accepted events of a type, each id once.
func (d *desk) received(typ string) []event {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := map[string]bool{}
	var list []event
	for _, e := range d.events {
		if e.Type == typ && !seen[e.ID] {
			seen[e.ID] = true
			list = append(list, e)
		}
	}
	return list
}
