package freshdesk_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/freshdesk"
)

const key = "key-of-a-test"

func start(t *testing.T, o freshdesk.Options) *freshdesk.Server {
	t.Helper()
	o.APIKey = key
	s, err := freshdesk.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func call(t *testing.T, s *freshdesk.Server, method, path, contentType string, body io.Reader) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/api/v2"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(key, "X")
	r.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func send(t *testing.T, s *freshdesk.Server, method, path, body string) (status int, answer string) {
	t.Helper()
	resp, answer := call(t, s, method, path, "application/json", strings.NewReader(body))
	return resp.StatusCode, answer
}

const hello = `{"subject":"Help","description":"<p>Hello</p>","name":"Ann","unique_external_id":"tg-7","status":2,"priority":1,"tags":["ref-1"]}`

func open(t *testing.T, s *freshdesk.Server) (ticket, requester int64) {
	t.Helper()
	status, answer := send(t, s, "POST", "/tickets", hello)
	var made struct {
		ID        int64
		Requester int64 `json:"requester_id"`
	}
	if err := json.Unmarshal([]byte(answer), &made); err != nil || status != 201 {
		t.Fatalf("%d %s", status, answer)
	}
	return made.ID, made.Requester
}

// The simulator refuses what Freshdesk refuses.
func TestRefusals(t *testing.T) {
	s := start(t, freshdesk.Options{})
	open(t, s)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{"no subject", "POST", "/tickets", `{"description":"x"}`, 400, `"subject"`},
		{"nobody", "POST", "/tickets", strings.Replace(hello, `"unique_external_id":"tg-7",`, "", 1), 400, "requester_id"},
		{"no name", "POST", "/tickets", strings.Replace(strings.Replace(hello, `"name":"Ann",`, "", 1), "tg-7", "tg-8", 1), 400, `"name"`},
		{"unknown source", "POST", "/tickets", strings.Replace(hello, `"priority":1`, `"priority":1,"source":4`, 1), 400, `"source"`},
		{"unknown field", "POST", "/tickets", strings.Replace(hello, `"priority":1`, `"priority":1,"secret":4`, 1), 400, "Unexpected/invalid field"},
		{"no such custom field", "POST", "/tickets", strings.Replace(hello, `"priority":1`, `"priority":1,"custom_fields":{"cf_x":4}`, 1), 400, "custom_fields"},
		{"long tag", "POST", "/tickets", strings.Replace(hello, "ref-1", strings.Repeat("x", 33), 1), 400, "32 characters"},
		{"no such status", "PUT", "/tickets/1", `{"status":1}`, 400, `"status"`},
		{"no such ticket", "PUT", "/tickets/99", `{"status":2}`, 404, ""},
		{"no text", "POST", "/tickets/1/notes", `{"private":true}`, 400, `"body"`},
		{"a reply to no address", "POST", "/tickets/1/reply", `{"body":"x"}`, 400, "to_emails"},
		{"not JSON", "POST", "/tickets", `{`, 400, "invalid_json"},
		{"a search by another field", "GET", "/search/tickets?query=" + url.QueryEscape(`"name:'x'"`), "", 400, "query"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, answer := send(t, s, c.method, c.path, c.body); status != c.status || !strings.Contains(answer, c.says) {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	resp, err := http.Get(s.URL() + "/api/v2/agents/me")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized || s.Refused() != 1 {
		t.Errorf("without a key: %d, %d counted", resp.StatusCode, s.Refused())
	}
}

func TestATicketFromBothSides(t *testing.T) {
	s := start(t, freshdesk.Options{})
	id, requester := open(t, s)
	if second, again := open(t, s); again != requester || second == id {
		t.Error("the contact was not found again by the external id")
	}
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	for k, v := range map[string]string{"body": "<p>More</p>", "private": "false", "incoming": "true", "user_id": strconv.FormatInt(requester, 10)} {
		if err := m.WriteField(k, v); err != nil {
			t.Fatal(err)
		}
	}
	f, err := m.CreateFormFile("attachments[]", "a.txt")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "content")
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if resp, answer := call(t, s, "POST", "/tickets/1/notes", m.FormDataContentType(), &form); resp.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	if _, err := s.Write(id, freshdesk.Entry{Body: "<p>Yes</p>", Status: freshdesk.Resolved}); err != nil {
		t.Fatal(err)
	}
	resp, answer := call(t, s, "GET", "/tickets/1/conversations?per_page=1&page=1", "application/json", nil)
	var list []struct {
		Body        string
		Incoming    bool
		UserID      int64 `json:"user_id"`
		Attachments []struct {
			URL string `json:"attachment_url"`
		}
	}
	if err := json.Unmarshal([]byte(answer), &list); err != nil || len(list) != 1 || !list[0].Incoming || list[0].UserID != requester {
		t.Fatalf("%v %s", err, answer)
	}
	if !strings.Contains(resp.Header.Get("Link"), `rel="next"`) {
		t.Error("no link to the next page")
	}
	for _, c := range []struct {
		auth   bool
		status int
	}{{false, 200}, {true, 400}} {
		r, err := http.NewRequest(http.MethodGet, list[0].Attachments[0].URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.auth {
			r.SetBasicAuth(key, "X")
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("the file, with a key %v: %d", c.auth, resp.StatusCode)
		}
	}
	if tk, _ := s.Ticket(id); tk.Status != freshdesk.Resolved || len(tk.Conversations) != 2 || s.Mailed() != 0 {
		t.Errorf("%+v, %d mails", tk, s.Mailed())
	}

	if err := s.Merge(2, 1); err != nil {
		t.Fatal(err)
	}
	if from, _ := s.Ticket(2); from.Status != freshdesk.Closed || !strings.Contains(from.Conversations[0].Body, "merged into ticket") {
		t.Errorf("merged: %+v", from)
	}
	s.Delete(1, true)
	if _, answer := send(t, s, "GET", "/tickets/1", ""); !strings.Contains(answer, `"deleted":true`) {
		t.Errorf("in the trash: %s", answer)
	}
	if status, _ := send(t, s, "POST", "/tickets/1/notes", `{"body":"x"}`); status != 404 {
		t.Errorf("a note on it: %d", status)
	}
	s.Purge(1)
	if status, _ := send(t, s, "GET", "/tickets/1", ""); status != 404 {
		t.Errorf("purged: %d", status)
	}
}

func TestListsAndTheSearch(t *testing.T) {
	s := start(t, freshdesk.Options{IndexLag: time.Hour})
	for range 3 {
		open(t, s)
	}
	ids := func(path string) (list string) {
		_, answer := send(t, s, "GET", path, "")
		var tickets []struct{ ID json.Number }
		if err := json.Unmarshal([]byte(answer), &tickets); err != nil {
			t.Fatal(err, answer)
		}
		for _, x := range tickets {
			list += x.ID.String()
		}
		return list
	}
	since := url.QueryEscape(time.Now().Add(-time.Minute).UTC().Format(time.RFC3339))
	if got := ids("/tickets?updated_since=" + since + "&order_by=updated_at&order_type=asc&per_page=2&page=2"); got != "3" {
		t.Errorf("second page: %s", got)
	}
	if got := ids("/tickets?order_by=created_at&order_type=desc"); got != "321" {
		t.Errorf("newest first: %s", got)
	}
	if _, answer := send(t, s, "GET", "/search/tickets?query="+url.QueryEscape(`"tag:'ref-1'"`), ""); !strings.Contains(answer, `"total":0`) {
		t.Errorf("the index knows them too early: %s", answer)
	}
}

func TestTheLimitOfRequests(t *testing.T) {
	s := start(t, freshdesk.Options{PerMinute: 2})
	for n := range 3 {
		resp, _ := call(t, s, "GET", "/agents/me", "application/json", nil)
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		if n < 2 && resp.StatusCode != http.StatusOK || n == 2 && (resp.StatusCode != http.StatusTooManyRequests || after < 1 || after > 60) {
			t.Errorf("request %d: %d, %v", n, resp.StatusCode, resp.Header)
		}
	}
}

func TestTheHookKnowsTheSecretAndIsRepeated(t *testing.T) {
	for _, basic := range []bool{false, true} {
		calls := make(chan http.Header, 9)
		first := true
		hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if first {
				w.WriteHeader(http.StatusInternalServerError)
			}
			first = false
			calls <- r.Header
		}))
		defer hook.Close()
		s := start(t, freshdesk.Options{Hook: hook.URL, Secret: "secret", Basic: basic, RetryAfter: time.Millisecond})
		open(t, s)
		for try := range 2 {
			select {
			case h := <-calls:
				if !basic && h.Get("X-Deskbridge-Secret") != "secret" || basic && h.Get("Authorization") != freshdesk.Basic("deskbridge", "secret") {
					t.Errorf("call %d: %v", try, h)
				}
			case <-time.After(time.Minute):
				t.Fatalf("only %d calls", try)
			}
		}
	}
}
