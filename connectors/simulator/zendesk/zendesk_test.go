package zendesk_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/zendesk"
)

var bob = zendesk.Agent{Name: "Bob", Email: "bob@acme.example"}

func start(t *testing.T, o zendesk.Options) *zendesk.Server {
	t.Helper()
	s, err := zendesk.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

type answer struct {
	Error  string
	User   struct{ ID int64 }
	Ticket struct {
		ID     int64
		Status string
	}
	Tickets []struct {
		ID     int64
		Status string
	}
	Upload struct{ Token string }
	Audits []struct {
		ID       int64
		Metadata struct{ Custom map[string]string }
		Events   []struct {
			Type, Body  string
			Public      bool
			Attachments []struct {
				ContentURL string `json:"content_url"`
			}
		}
	}
	AfterCursor string `json:"after_cursor"`
	EndOfStream bool   `json:"end_of_stream"`
}

func call(t *testing.T, s *zendesk.Server, method, path, body string, header ...string) (a answer, status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/api/v2/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(s.Email()+"/token", s.Token())
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(resp.Body)
	if len(b) > 0 && json.Unmarshal(b, &a) != nil && resp.StatusCode == http.StatusOK {
		t.Fatalf("%s %s: %s", method, path, b)
	}
	return a, resp.StatusCode
}

func open(t *testing.T, s *zendesk.Server) (ticket int64) {
	t.Helper()
	u, status := call(t, s, "POST", "users/create_or_update.json", `{"user":{"name":"Ann","external_id":"c1"}}`)
	if status != http.StatusCreated && status != http.StatusOK {
		t.Fatalf("user: status %d", status)
	}
	a, status := call(t, s, "POST", "tickets.json", fmt.Sprintf(`{"ticket":{"subject":"Hello","requester_id":%d,"external_id":"x","comment":{"body":"Do you have it?"}}}`, u.User.ID))
	if status != http.StatusCreated {
		t.Fatalf("ticket: status %d", status)
	}
	return a.Ticket.ID
}

func TestRefusals(t *testing.T) {
	s := start(t, zendesk.Options{})
	id, closed, gone := open(t, s), open(t, s), open(t, s)
	s.CloseForGood(closed)
	s.Delete(gone, bob)
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "tickets/1", "", 404},
		{"GET", fmt.Sprintf("tickets/%d", gone), "", 404},
		{"PUT", fmt.Sprintf("tickets/%d", gone), `{"ticket":{"comment":{"body":"x"}}}`, 404},
		{"PUT", fmt.Sprintf("tickets/%d", closed), `{"ticket":{"comment":{"body":"x"}}}`, 422},
		{"PUT", fmt.Sprintf("tickets/%d", id), `{"ticket":{"status":"solved"}}`, 422},
		{"PUT", fmt.Sprintf("tickets/%d", id), `{"ticket":{"comment":{"body":""}}}`, 422},
		{"PUT", fmt.Sprintf("tickets/%d", id), `{"ticket":{"comment":{"body":"x","uploads":["nothing"]}}}`, 422},
		{"PUT", fmt.Sprintf("tickets/%d", id), `{"ticket":{"comment":{"body":"` + strings.Repeat("x", 65_536) + `"}}}`, 422},
		{"POST", "tickets", `{"ticket":{"subject":"x"}}`, 422},
		{"POST", "tickets", `{`, 400},
		{"POST", "users/create_or_update", `{"user":{"external_id":"nameless"}}`, 422},
		{"POST", "uploads", `x`, 422},
	} {
		if _, status := call(t, s, c.method, c.path, c.body); status != c.want {
			t.Errorf("%s %s %.60s: status %d, want %d", c.method, c.path, c.body, status, c.want)
		}
	}
	if _, status := call(t, s, "GET", "users/me", "", "Authorization", "Bearer other"); status != http.StatusUnauthorized {
		t.Errorf("another token: status %d", status)
	}
	if _, status := call(t, s, "GET", "users/me", "", "Authorization", "Bearer "+s.OAuthToken()); status != http.StatusOK {
		t.Errorf("the OAuth token: status %d", status)
	}
}

func TestAKeyMakesOneTicket(t *testing.T) {
	s := start(t, zendesk.Options{})
	const body = `{"ticket":{"subject":"a","comment":{"body":"x"}}}`
	one, _ := call(t, s, "POST", "tickets", body, "Idempotency-Key", "k1")
	two, status := call(t, s, "POST", "tickets", body, "Idempotency-Key", "k1")
	if status != http.StatusCreated || one.Ticket.ID == 0 || one.Ticket.ID != two.Ticket.ID || len(s.Tickets()) != 1 {
		t.Errorf("tickets %d and %d of %d", one.Ticket.ID, two.Ticket.ID, len(s.Tickets()))
	}
	if a, status := call(t, s, "POST", "tickets", `{"ticket":{"comment":{"body":"other"}}}`, "Idempotency-Key", "k1"); status != http.StatusBadRequest || a.Error != "IdempotentRequestError" {
		t.Errorf("another request with the key: %d %s", status, a.Error)
	}
}

func TestUploadsAndMetadataStandInTheAudit(t *testing.T) {
	s := start(t, zendesk.Options{})
	id := open(t, s)
	up, status := call(t, s, "POST", "uploads?filename=a.txt", "content", "Content-Type", "text/plain")
	if status != http.StatusCreated {
		t.Fatalf("upload: status %d", status)
	}
	put := fmt.Sprintf(`{"ticket":{"metadata":{"tag":"t1"},"comment":{"body":"see file","public":false,"uploads":[%q]}}}`, up.Upload.Token)
	if _, status := call(t, s, "PUT", fmt.Sprintf("tickets/%d", id), put); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if _, status := call(t, s, "PUT", fmt.Sprintf("tickets/%d", id), put); status != http.StatusUnprocessableEntity {
		t.Errorf("a token twice: status %d", status)
	}
	a, _ := call(t, s, "GET", fmt.Sprintf("tickets/%d/audits.json?page[size]=100", id), "")
	if len(a.Audits) != 2 || a.Audits[1].Metadata.Custom["tag"] != "t1" || a.Audits[1].Events[0].Public {
		t.Fatalf("audits %+v", a.Audits)
	}
	resp, err := http.Get(a.Audits[1].Events[0].Attachments[0].ContentURL)
	if err != nil {
		t.Fatal(err)
	}
	content, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(content) != "content" {
		t.Errorf("the file is %q", content)
	}
}

func TestExportsTellOfChangesOnceAndOfDeletions(t *testing.T) {
	s := start(t, zendesk.Options{})
	one, two := open(t, s), open(t, s)
	a, _ := call(t, s, "GET", "incremental/tickets/cursor?start_time=0", "")
	if len(a.Tickets) != 2 || !a.EndOfStream {
		t.Fatalf("%+v", a)
	}
	s.Note(one, bob, "hm")
	s.Delete(two, bob)
	a, _ = call(t, s, "GET", "incremental/tickets/cursor?per_page=1&cursor="+a.AfterCursor, "")
	if len(a.Tickets) != 1 || a.Tickets[0].ID != one || a.EndOfStream {
		t.Fatalf("%+v", a)
	}
	a, _ = call(t, s, "GET", "incremental/tickets/cursor?cursor="+a.AfterCursor, "")
	if len(a.Tickets) != 1 || a.Tickets[0].ID != two || a.Tickets[0].Status != "deleted" || !a.EndOfStream {
		t.Fatalf("%+v", a)
	}
	recent := start(t, zendesk.Options{Recent: time.Minute, ExportsPerMinute: 2})
	open(t, recent)
	if a, _ := call(t, recent, "GET", "incremental/tickets/cursor?start_time=0", ""); len(a.Tickets) != 0 {
		t.Errorf("the last minute is in: %+v", a)
	}
	if _, status := call(t, recent, "GET", fmt.Sprintf("incremental/ticket_events?start_time=%d", time.Now().Unix()), ""); status != http.StatusUnprocessableEntity {
		t.Errorf("too recent: status %d", status)
	}
	if _, status := call(t, recent, "GET", "incremental/tickets/cursor?start_time=0", ""); status != http.StatusTooManyRequests {
		t.Errorf("a third export: status %d", status)
	}
}

// Who has an address is mailed; a merge closes; a call that was refused comes
// again, signed.
func TestAgents(t *testing.T) {
	s := start(t, zendesk.Options{RetryAfter: time.Millisecond})
	heard := make(chan []byte, 20)
	tries := 0
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		at, _ := time.Parse(time.RFC3339, r.Header.Get("X-Zendesk-Webhook-Signature-Timestamp"))
		want := http.Header{}
		zendesk.Sign(want, "secret", body, at)
		if got := r.Header.Get("X-Zendesk-Webhook-Signature"); got == "" || got != want.Get("X-Zendesk-Webhook-Signature") {
			t.Errorf("signature %q", got)
		}
		heard <- body
	}))
	defer hook.Close()
	one, two := open(t, s), open(t, s)
	s.SetWebhook(hook.URL, "secret")
	s.Answer(one, bob, "Yes")
	select {
	case body := <-heard:
		if !bytes.Contains(body, fmt.Appendf(nil, `"zen:ticket:%d"`, one)) {
			t.Errorf("told %s", body)
		}
	case <-time.After(time.Minute):
		t.Fatal("the webhook was not called")
	}
	s.SetWebhook("", "")
	if n := s.Mailed(); n != 0 {
		t.Errorf("%d mails to somebody without an address", n)
	}
	if a, _ := call(t, s, "POST", "users/create_or_update", `{"user":{"name":"Eve","email":"eve@example.com"}}`); a.User.ID > 0 {
		if _, status := call(t, s, "POST", "tickets", fmt.Sprintf(`{"ticket":{"requester_id":%d,"comment":{"body":"x"}}}`, a.User.ID)); status != http.StatusCreated {
			t.Fatal(status)
		}
	}
	if n := s.Mailed(); n != 1 {
		t.Errorf("%d mails", n)
	}
	if !s.Merge(one, two, bob) {
		t.Fatal("not merged")
	}
	if a, _ := call(t, s, "GET", fmt.Sprintf("tickets/%d", one), ""); a.Ticket.Status != "closed" {
		t.Errorf("the merged one is %s", a.Ticket.Status)
	}
}
