package chatwoot_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/chatwoot"
)

func start(t *testing.T, o chatwoot.Options) *chatwoot.Server {
	t.Helper()
	s, err := chatwoot.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

type answer struct {
	ID       int64
	Error    string
	SourceID string `json:"source_id"`
	Payload  json.RawMessage
	Data     struct{ Payload []struct{ ID int64 } }
}

func call(t *testing.T, s *chatwoot.Server, method, path, body string) (a answer, status int) {
	t.Helper()
	return send(t, s, method, path, "application/json", strings.NewReader(body))
}

func send(t *testing.T, s *chatwoot.Server, method, path, kind string, body io.Reader) (a answer, status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/api/v1/accounts/1/"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("api_access_token", s.Token())
	r.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil && resp.StatusCode == http.StatusOK {
		t.Fatal(err)
	}
	return a, resp.StatusCode
}

// open makes a contact with a conversation.
func open(t *testing.T, s *chatwoot.Server, source string) int64 {
	t.Helper()
	if _, status := call(t, s, "POST", "contacts", fmt.Sprintf(`{"name":"Ann","identifier":%q,"inbox_id":5,"source_id":%q}`, source, source)); status != 200 {
		t.Fatalf("contact: status %d", status)
	}
	a, status := call(t, s, "POST", "conversations", fmt.Sprintf(`{"source_id":%q,"inbox_id":5}`, source))
	if status != 200 {
		t.Fatalf("conversation: status %d", status)
	}
	return a.ID
}

func TestRefusals(t *testing.T) {
	s := start(t, chatwoot.Options{})
	id := open(t, s, "a")
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "conversations/9999", "", 404},
		{"POST", "contacts", `{"identifier":"a"}`, 422},
		{"POST", "contacts", `{"phone_number":"123"}`, 422},
		{"POST", "contacts", `{`, 400},
		{"POST", "conversations", `{"source_id":"nobody","inbox_id":5}`, 404},
		{"POST", "conversations", `{"source_id":"a","inbox_id":6}`, 404},
		{"POST", fmt.Sprintf("conversations/%d/toggle_status", id), `{"status":"done"}`, 422},
		{"POST", fmt.Sprintf("conversations/%d/messages", id), `{"content":"x","message_type":"activity"}`, 422},
		{"POST", fmt.Sprintf("conversations/%d/messages", id), `{"content":"` + strings.Repeat("x", 150_001) + `"}`, 422},
		{"GET", "contacts/search?q=", "", 422},
	} {
		if _, status := call(t, s, c.method, c.path, c.body); status != c.want {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, status, c.want)
		}
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/api/v1/accounts/1/inboxes", nil)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: status %d", resp.StatusCode)
	}
}

func TestTooManyRequestsAMinute(t *testing.T) {
	s := start(t, chatwoot.Options{PerMinute: 2})
	for i, want := range []int{200, 200, 429} {
		if _, status := call(t, s, "GET", "inboxes", ""); status != want {
			t.Errorf("request %d: status %d, want %d", i+1, status, want)
		}
	}
}

// An answer can be read, found by its words and fetched, and is told of with a
// signature; an incoming message opens what was resolved.
func TestAConversation(t *testing.T) {
	s := start(t, chatwoot.Options{})
	heard := make(chan *http.Request, 20)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		heard <- r
	}))
	defer hook.Close()
	id := open(t, s, "a")
	s.SetWebhook(hook.URL, "secret")
	answered := s.Answer(id, chatwoot.Agent{Name: "Bob"}, "Yes, in blue.", chatwoot.File{Name: "blue.txt", ContentType: "text/plain", Content: []byte("blue")})
	select {
	case r := <-heard:
		body, _ := io.ReadAll(r.Body)
		want := http.Header{}
		var stamp int64
		_, _ = fmt.Sscan(r.Header.Get("X-Chatwoot-Timestamp"), &stamp)
		chatwoot.Sign(want, "secret", body, time.Unix(stamp, 0))
		if got := r.Header.Get("X-Chatwoot-Signature"); got == "" || got != want.Get("X-Chatwoot-Signature") {
			t.Errorf("signature %q", got)
		}
		if !strings.Contains(string(body), `"message_created"`) || r.Header.Get("X-Chatwoot-Delivery") == "" {
			t.Errorf("told %s", body)
		}
	case <-time.After(time.Minute):
		t.Fatal("the webhook was not called")
	}
	s.SetStatus(id, chatwoot.Agent{Name: "Bob"}, chatwoot.Resolved)

	a, _ := call(t, s, "GET", fmt.Sprintf("conversations/%d/messages?after=%d", id, answered-1), "")
	var list []struct {
		ID          int64
		MessageType int `json:"message_type"`
		Attachments []struct {
			DataURL string `json:"data_url"`
		}
	}
	if err := json.Unmarshal(a.Payload, &list); err != nil || len(list) != 2 || list[0].ID != answered || list[0].MessageType != 1 || list[1].MessageType != 2 {
		t.Fatalf("messages: %s", a.Payload)
	}
	resp, err := http.Get(list[0].Attachments[0].DataURL)
	if err != nil {
		t.Fatal(err)
	}
	content, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(content) != "blue" {
		t.Errorf("the file is %q", content)
	}
	if a, _ := call(t, s, "GET", "conversations?q=IN+BLUE", ""); len(a.Data.Payload) != 1 {
		t.Errorf("found %v", a.Data.Payload)
	}
	if a, _ := call(t, s, "GET", "conversations", ""); len(a.Data.Payload) != 0 {
		t.Errorf("open: %v", a.Data.Payload)
	}

	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	_ = w.WriteField("content", "and red?")
	_ = w.WriteField("message_type", "incoming")
	_ = w.WriteField("content_attributes", `{"k":"v"}`)
	part, _ := w.CreateFormFile("attachments[]", "red.png")
	_, _ = part.Write([]byte("red"))
	_ = w.Close()
	if _, status := send(t, s, "POST", fmt.Sprintf("conversations/%d/messages", id), w.FormDataContentType(), &form); status != 200 {
		t.Fatalf("status %d", status)
	}
	c := s.Conversations()[0]
	var last chatwoot.Message
	for _, m := range c.Messages {
		if m.Type == "incoming" {
			last = m
		}
	}
	if c.Status != chatwoot.Open || last.Content != "and red?" || last.ContentAttributes["k"] != "v" || len(last.Files) != 1 || string(last.Files[0].Content) != "red" {
		t.Errorf("status %s, message %+v", c.Status, last)
	}
	s.DeleteMessage(id, answered)
	if m := s.Conversations()[0].Messages[0]; m.Content == "Yes, in blue." || len(m.Files) > 0 || m.ContentAttributes["deleted"] != true {
		t.Errorf("deleted: %+v", m)
	}
	s.DeleteConversation(id)
	if _, status := call(t, s, "GET", fmt.Sprintf("conversations/%d", id), ""); status != 404 {
		t.Errorf("deleted conversation: status %d", status)
	}
}
