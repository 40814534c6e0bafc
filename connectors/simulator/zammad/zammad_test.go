package zammad_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/zammad"
)

const token = "token-of-a-test"

func start(t *testing.T, o zammad.Options) *zammad.Server {
	t.Helper()
	o.Token = token
	s, err := zammad.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// call makes a request and returns its status and its answer.
func call(t *testing.T, s *zammad.Server, method, path, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Token token="+token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

const hello = `{"title":"Help","group":"Users","customer":{"login":"Tg-7","firstname":"Ann"},
	"article":{"body":"Hello","sender":"Customer","type":"web","message_id":"<m1@x>",
		"attachments":[{"filename":"a.txt","data":"aGk=","mime-type":"text/plain"}]}}`

func open(t *testing.T, s *zammad.Server) int64 {
	t.Helper()
	status, answer := call(t, s, "POST", "/tickets", hello)
	var made struct{ ID int64 }
	if err := json.Unmarshal([]byte(answer), &made); err != nil || status != 201 {
		t.Fatalf("%d %s", status, answer)
	}
	return made.ID
}

// The simulator refuses what Zammad refuses.
func TestRefusals(t *testing.T) {
	s := start(t, zammad.Options{Groups: []string{"Users", "Once"}, Strict: []string{"Once"}})
	once := strings.Replace(hello, `"Users"`, `"Once","state":"closed"`, 1)
	if status, answer := call(t, s, "POST", "/tickets", once); status != 201 {
		t.Fatalf("%d %s", status, answer)
	}
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{"no such group", "POST", "/tickets", `{"title":"x","group":"Nobody","customer":{"login":"a"},"article":{"body":"x"}}`, 422, "'group'"},
		{"no article", "POST", "/tickets", `{"title":"x","group":"Users","customer":{"login":"a"}}`, 422, "article"},
		{"nobody", "POST", "/tickets", `{"title":"x","group":"Users","customer":{},"article":{"body":"x"}}`, 422, "identifier"},
		{"no such state", "PUT", "/tickets/1", `{"state":"done"}`, 422, "'state'"},
		{"no such ticket", "PUT", "/tickets/99", `{"state":"open"}`, 404, "Couldn't find"},
		{"no text", "POST", "/ticket_articles", `{"ticket_id":1,"internal":true}`, 422, "follow-up"},
		{"follow-up", "PUT", "/tickets/1", `{"state":"open"}`, 422, "follow-up"},
		{"no such condition", "GET", "/tickets/search?" + url.Values{"condition[ticket.title][operator]": {"is"}, "condition[ticket.title][value]": {"x"}}.Encode(), "", 500, "condition"},
		{"half a file", "POST", "/tickets", strings.Replace(hello, `"data":"aGk=",`, "", 1), 422, "'data'"},
		{"into itself", "PUT", "/ticket_merge/1/20001", `{}`, 422, "itself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, answer := call(t, s, c.method, c.path, c.body); status != c.status || !strings.Contains(answer, c.says) {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	resp, err := http.Get(s.URL() + "/api/v1/users/me")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized || s.Refused() != 1 {
		t.Errorf("without a token: %d, %d counted", resp.StatusCode, s.Refused())
	}
}

func TestATicketFromBothSides(t *testing.T) {
	s := start(t, zammad.Options{})
	id := open(t, s)
	if again := open(t, s); s.Tickets()[1].Customer.ID != s.Tickets()[0].Customer.ID || again == id {
		t.Error("the customer was not found again by the login")
	}
	if _, err := s.Write(id, zammad.Entry{Body: "<b>Yes</b>", State: "closed", Files: []zammad.Attachment{{Name: "y.txt", ContentType: "text/plain", Content: []byte("yes")}}}); err != nil {
		t.Fatal(err)
	}
	_, answer := call(t, s, "GET", "/ticket_articles/by_ticket/1", "")
	var list []struct {
		ID                           int64
		Body, Sender, From           string
		MessageID                    string `json:"message_id"`
		Attachments                  []struct{ ID int64 }
		ContentType                  string `json:"content_type"`
		Internal                     bool
		CreatedBy, UpdatedBy, Origin string
	}
	if err := json.Unmarshal([]byte(answer), &list); err != nil || len(list) != 2 {
		t.Fatal(err, answer)
	}
	if list[0].MessageID != "<m1@x>" || list[0].Sender != "Customer" || list[1].From != "Bob Builder" || list[1].ContentType != "text/html" {
		t.Errorf("%s", answer)
	}
	path := "/ticket_attachment/1/" + itoa(list[1].ID) + "/" + itoa(list[1].Attachments[0].ID)
	if status, content := call(t, s, "GET", path, ""); status != 200 || content != "yes" {
		t.Errorf("the file: %d %s", status, content)
	}
	if tk, _ := s.Ticket(id); tk.State != "closed" || s.Mailed() != 0 {
		t.Errorf("state %s, %d mails", tk.State, s.Mailed())
	}

	// The second ticket's article moves into the first; a file stays reachable
	// by the number of the ticket that it was in.
	moved := s.Tickets()[1].Articles[0]
	if err := s.Merge(2, 1); err != nil {
		t.Fatal(err)
	}
	into, _ := s.Ticket(1)
	if from, _ := s.Ticket(2); from.State != "merged" || len(from.Articles) != 1 || from.Articles[0].Body != "merged" || len(into.Articles) != 3 {
		t.Errorf("merged: %+v", from)
	}
	if status, _ := call(t, s, "GET", "/ticket_attachment/2/"+itoa(moved.ID)+"/"+itoa(moved.Attachments[0].ID), ""); status != 200 {
		t.Errorf("the moved file: %d", status)
	}
	if _, answer = call(t, s, "GET", "/links?link_object=Ticket&link_object_value=2", ""); !strings.Contains(answer, `"link_object_value":1`) {
		t.Errorf("links: %s", answer)
	}

	s.Delete(1)
	if status, _ := call(t, s, "GET", "/tickets/1", ""); status != 404 {
		t.Errorf("the deleted ticket: %d", status)
	}
}

func TestSearchGoesByChangesInPages(t *testing.T) {
	s := start(t, zammad.Options{})
	for range 3 {
		open(t, s)
	}
	since := s.Tickets()[1].Time
	if err := s.SetState(2, "closed"); err != nil {
		t.Fatal(err)
	}
	find := func(q url.Values) string {
		q.Set("expand", "true")
		_, answer := call(t, s, "GET", "/tickets/search?"+q.Encode(), "")
		var list []struct{ ID json.Number }
		if err := json.Unmarshal([]byte(answer), &list); err != nil {
			t.Fatal(err, answer)
		}
		ids := ""
		for _, x := range list {
			ids += x.ID.String()
		}
		return ids
	}
	changes := url.Values{
		"condition[ticket.updated_at][operator]": {"after (absolute)"}, "condition[ticket.updated_at][value]": {since.Format(time.RFC3339Nano)},
		"sort_by": {"updated_at"}, "order_by": {"asc"},
	}
	if got := find(changes); got != "32" {
		t.Errorf("changed: %s", got)
	}
	changes.Set("limit", "1")
	changes.Set("page", "2")
	if got := find(changes); got != "2" {
		t.Errorf("second page: %s", got)
	}
	if got := find(url.Values{"condition[article.message_id][operator]": {"is"}, "condition[article.message_id][value]": {"<m1@x>"}}); len(got) != 3 {
		t.Errorf("by message id: %s", got)
	}
}

func TestTheHookIsSignedAndRepeated(t *testing.T) {
	calls := make(chan *http.Request, 20)
	first := true
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if first {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		first = false
		calls <- r
	}))
	defer hook.Close()
	s := start(t, zammad.Options{Hook: hook.URL, HookSecret: "secret", RetryAfter: time.Millisecond})
	open(t, s)
	var delivery string
	for try := range 2 {
		select {
		case r := <-calls:
			body, _ := io.ReadAll(r.Body)
			if r.Header.Get("X-Hub-Signature") != zammad.Sign("secret", body) || !bytes.Contains(body, []byte(`"body":"Hello"`)) {
				t.Errorf("call %d: %v %s", try, r.Header, body)
			}
			if id := r.Header.Get("X-Zammad-Delivery"); id == "" || delivery != "" && id != delivery {
				t.Errorf("deliveries %q and %q", delivery, id)
			} else {
				delivery = id
			}
		case <-time.After(time.Minute):
			t.Fatalf("only %d calls", try)
		}
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
