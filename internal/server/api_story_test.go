package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

func ids[T any](items []T, id func(T) normalize.ID) (all []string) {
	for _, i := range items {
		all = append(all, id(i).String())
	}
	return all
}

func messageID(m *normalize.Message) normalize.ID { return m.ID }

func TestCustomersAndTheirTimelines(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.receive("ann@example.com", "a1", "hello", nil)
	second := w.receive("ann@example.com", "a2", "a picture", png)
	third := w.receive("ann@example.com", "a3", "and?", nil)
	w.receive("bob@example.com", "b1", "hi", nil)

	if all := pages[*normalize.Customer](w, "/v1/customers", "after", 1); len(all) != 2 {
		t.Errorf("%d customers, want 2", len(all))
	}
	found := get[list[*normalize.Customer]](w, "GET", "/v1/customers?query=ANN@", nil)
	if len(found.Items) != 1 || found.Next != nil || !found.Items[0].Addresses[0].Is(normalize.Email("ann@example.com", "")) {
		t.Fatalf("got %+v, want Ann", found)
	}
	ann := found.Items[0]
	if c := get[*normalize.Customer](w, "GET", "/v1/customers/"+ann.ID.String(), nil); c.ID != ann.ID || c.Name != "Ann" {
		t.Errorf("got %+v", c)
	}
	timeline := "/v1/customers/" + ann.ID.String() + "/timeline"
	want := []string{third.ID.String(), second.ID.String(), first.ID.String()}
	for _, n := range []int{1, 2, 3, 50} {
		if got := ids(pages[*normalize.Message](w, timeline, "before", n), messageID); !slices.Equal(got, want) {
			t.Errorf("by %d: got %v, want %v", n, got, want)
		}
	}
	m := get[*MessageDetail](w, "GET", "/v1/messages/"+second.ID.String(), nil)
	if m.Text != "a picture" || m.Status != normalize.StatusReceived || !m.RawAvailable || len(m.Parts) != 2 {
		t.Fatalf("got %+v", m)
	}
	media := m.Parts[1].Media
	if media.URL != publicURL+"/v1/media/"+media.ID.String() {
		t.Errorf("the picture is at %q", media.URL)
	}
	if got := w.raw(200, "GET", strings.TrimPrefix(media.URL, publicURL), nil); !bytes.Equal(got, png) {
		t.Errorf("the picture came back as %d bytes, want %d", len(got), len(png))
	}

	nobody := normalize.NewID(time.Now()).String()
	for _, path := range []string{"/v1/customers/%s", "/v1/customers/%s/timeline", "/v1/customers/%s/export", "/v1/conversations/%s", "/v1/messages/%s", "/v1/media/%s"} {
		w.refused(404, "GET", fmt.Sprintf(path, nobody), nil)
		w.refused(404, "GET", fmt.Sprintf(path, "no-id"), nil)
	}
	for _, path := range []string{
		"/v1/customers?limit=0", "/v1/customers?limit=201", "/v1/customers?limit=x", "/v1/customers?after=x",
		timeline + "?before=x", "/v1/conversations?state=ajar", "/v1/customers?qurey=ann", "/v1/events?after=x", "/v1/events?after=-1",
	} {
		if p := w.refused(422, "GET", path, nil); len(p.Errors) != 1 {
			t.Errorf("%s: got %+v, want the one flaw", path, p)
		}
	}
}

func TestMergeAndUndo(t *testing.T) {
	w := newWorld(t, Config{})
	a, b := w.receive("ann@example.com", "a1", "hello", nil), w.receive("ann@work.example.com", "b1", "me again", nil)
	from, into := b.Customer.ID.String(), a.Customer.ID.String()
	merge := get[*identity.Merge](w, "POST", "/v1/customers/"+from+"/merge", map[string]any{"into": into, "reason": "she said so"})
	if merge.Author != "script" || merge.Reason != "she said so" || len(merge.Moved) != 1 {
		t.Errorf("got %+v", merge)
	}
	if all := pages[*normalize.Message](w, "/v1/customers/"+into+"/timeline", "before", 50); len(all) != 2 {
		t.Errorf("%d messages on the joint timeline, want 2", len(all))
	}
	if c := get[*normalize.Customer](w, "GET", "/v1/customers/"+from, nil); c.ID.String() != into {
		t.Errorf("the merged customer is found as %s, want %s", c.ID, into)
	}
	w.refused(422, "POST", "/v1/customers/"+from+"/merge", map[string]any{"into": into})
	w.refused(422, "POST", "/v1/customers/"+into+"/merge", map[string]any{"into": into})
	w.refused(422, "POST", "/v1/customers/"+into+"/merge", map[string]any{"into": "no-id"})
	w.refused(422, "POST", "/v1/customers/"+into+"/merge", map[string]any{})
	w.refused(404, "POST", "/v1/customers/"+into+"/merge", map[string]any{"into": normalize.NewID(time.Now())})
	undone := get[*identity.Merge](w, "POST", "/v1/merges/"+merge.ID.String()+"/undo", nil)
	if undone.UndoneBy != "script" || undone.UndoneAt.IsZero() {
		t.Errorf("got %+v", undone)
	}
	if all := pages[*normalize.Message](w, "/v1/customers/"+into+"/timeline", "before", 50); len(all) != 1 {
		t.Errorf("%d messages after the undo, want 1", len(all))
	}
	w.refused(404, "POST", "/v1/merges/"+normalize.NewID(time.Now()).String()+"/undo", nil)
}

func TestConversationsOpenAndClose(t *testing.T) {
	w := newWorld(t, Config{})
	a := w.receive("ann@example.com", "a1", "hello", nil)
	w.receive("bob@example.com", "b1", "hi", nil)
	path := "/v1/conversations/" + a.ConversationID.String()
	for range 2 { // the second time changes nothing
		if c := get[*normalize.Conversation](w, "POST", path+"/close", nil); c.State != normalize.Closed || c.ClosedAt.IsZero() {
			t.Errorf("got %+v", c)
		}
	}
	for query, want := range map[string]int{"": 2, "?state=closed": 1, "?state=open": 1, "?channel=support": 2, "?channel=other": 0} {
		if all := pages[*normalize.Conversation](w, "/v1/conversations"+query, "after", 1); len(all) != want {
			t.Errorf("%s: %d conversations, want %d", query, len(all), want)
		}
	}
	if c := get[*normalize.Conversation](w, "POST", path+"/reopen", nil); c.State != normalize.Open || !c.ClosedAt.IsZero() {
		t.Errorf("got %+v", c)
	}
	if c := get[*normalize.Conversation](w, "GET", path, nil); c.State != normalize.Open || c.Customer == nil || c.Customer.ID != a.Customer.ID {
		t.Errorf("got %+v", c)
	}
	w.refused(404, "POST", "/v1/conversations/"+normalize.NewID(time.Now()).String()+"/close", nil)
}

func TestConversationsAreLabelled(t *testing.T) {
	w := newWorld(t, Config{})
	a := w.receive("ann@example.com", "a1", "hello", nil)
	path := "/v1/conversations/" + a.ConversationID.String()
	for _, c := range []struct {
		body     map[string]any
		assignee string
		tags     []string
	}{
		{map[string]any{"assignee": "Li@Example.com", "tags": []string{"VIP", "late payer", "vip"}}, "li@example.com", []string{"late payer", "vip"}},
		{map[string]any{}, "li@example.com", []string{"late payer", "vip"}},
		{map[string]any{"tags": []string{"退款"}}, "li@example.com", []string{"退款"}},
		{map[string]any{"assignee": ""}, "", []string{"退款"}},
		{map[string]any{"tags": []string{}}, "", nil},
	} {
		if got := get[*normalize.Conversation](w, "PATCH", path, c.body); got.Assignee != c.assignee || !slices.Equal(got.Tags, c.tags) {
			t.Errorf("%v: %q, %q", c.body, got.Assignee, got.Tags)
		}
	}
	w.refused(422, "PATCH", path, map[string]any{"tags": []string{"a,b"}})
	w.refused(422, "PATCH", path, map[string]any{"tags": make([]string, 21)})
	w.refused(422, "PATCH", path, map[string]any{"state": "closed"})
	w.refused(404, "PATCH", "/v1/conversations/"+normalize.NewID(time.Now()).String(), map[string]any{"assignee": ""})
}

func TestAnswersAreTakenOnce(t *testing.T) {
	w := newWorld(t, Config{})
	asked := w.receive("ann@example.com", "a1", "in blue?", nil)
	path := "/v1/conversations/" + asked.ConversationID.String() + "/messages"
	file := get[normalize.Media](w, "POST", "/v1/media?name=blue.png", string(png), "Content-Type", "image/png")
	body := map[string]any{
		"text": "Yes.", "html": "<b>Yes.</b><script>alert(1)</script>", "attachments": []normalize.ID{file.ID},
		"author": map[string]string{"name": "Bob", "email": "bob@example.com"},
	}

	first := w.raw(201, "POST", path, body, "Idempotency-Key", "k1")
	var m *normalize.Message
	if err := json.Unmarshal(first, &m); err != nil {
		t.Fatal(err)
	}
	if m.Direction != normalize.Outbound || m.Text != "Yes." || m.Author.Name != "Bob" || len(m.Parts) != 2 || !m.Address.Is(asked.Address) ||
		m.Parts[1].Media.URL == "" || strings.Contains(m.HTML, "script") {
		t.Errorf("got %s", first)
	}
	// It is delivered meanwhile; a repeat gets the same answer all the same.
	w.deliver(t)
	if again := w.raw(201, "POST", path, body, "Idempotency-Key", "k1"); !bytes.Equal(again, first) {
		t.Errorf("the repeat was answered with\n%s\nthe first with\n%s", again, first)
	}
	body["text"] = "No."
	w.refused(409, "POST", path, body, "Idempotency-Key", "k1")
	w.raw(201, "POST", path, body, "Idempotency-Key", "k2")
	if all := pages[*normalize.Message](w, "/v1/customers/"+asked.Customer.ID.String()+"/timeline", "before", 50); len(all) != 3 {
		t.Errorf("%d messages on the timeline, want the question and two answers", len(all))
	}

	d := get[*MessageDetail](w, "GET", "/v1/messages/"+m.ID.String(), nil)
	if d.Status != normalize.StatusAccepted || len(d.Attempts) != 2 || d.Attempts[0].Lane != outbox.Deliver || d.Attempts[0].Account != "support" ||
		d.Attempts[0].Outcome != "accepted" || len(d.Attempts[0].PartIDs) != 1 || d.Receipts == nil {
		t.Errorf("got %+v", d)
	}
}

// deliver does what the deliver lane does, for all jobs that are due.
func (w *world) deliver(t *testing.T) {
	t.Helper()
	for range 10 {
		jobs, err := w.db.Claim(t.Context(), outbox.Deliver, account.Name, time.Now(), time.Minute, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs) == 0 {
			return
		}
		for _, j := range jobs {
			if _, err := w.db.Begin(t.Context(), j.ID, j.Fence, time.Now()); err != nil {
				t.Fatal(err)
			}
			if err := w.db.Settle(t.Context(), outbox.Settlement{
				Job: j.ID, Fence: j.Fence, Now: time.Now(), State: outbox.Done, Attempt: true,
				Status: normalize.StatusAccepted,
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestNotesFirstMessagesAndRefusals(t *testing.T) {
	w := newWorld(t, Config{})
	asked := w.receive("ann@example.com", "a1", "in blue?", nil)
	path := "/v1/conversations/" + asked.ConversationID.String() + "/messages"
	note := get[*normalize.Message](w, "POST", path, map[string]any{"text": "she is nice", "note": true})
	if !note.Note || note.Parts[0].Status != normalize.StatusAccepted {
		t.Errorf("got %+v", note)
	}
	if jobs, err := w.db.JobsOf(t.Context(), note.ID); err != nil || slices.ContainsFunc(jobs, func(j *outbox.Job) bool { return j.Lane == outbox.Deliver }) {
		t.Errorf("the note is to be delivered: %v %v", jobs, err)
	}
	first := get[*normalize.Message](w, "POST", "/v1/messages", map[string]any{"channel": "support", "to": "carl@example.com", "text": "Hello Carl", "subject": "Your order"})
	if first.ConversationID == 0 || first.Address.Value != "carl@example.com" || first.Subject != "Your order" {
		t.Errorf("got %+v", first)
	}
	for preview, body := range map[string]map[string]any{
		strings.TrimSuffix(path, "/messages") + "/preview": {"text": "in blue"},
		"/v1/messages/preview":                             {"channel": "support", "to": "carl@example.com", "text": "in blue"},
	} {
		if p := get[timeline.Preview](w, "POST", preview, body); len(p.Parts) != 1 || p.Parts[0].Text != "in blue" || p.Requests != 1 {
			t.Errorf("%s: got %+v", preview, p)
		}
	}
	for _, c := range []struct {
		name, path string
		body       any
		status     int
		reason     string
	}{
		{"nothing to say", path, map[string]any{}, 422, "empty"},
		{"refused by the channel", path, map[string]any{"text": "unspeakable"}, 422, "unsupported"},
		{"no such attachment", path, map[string]any{"attachments": []normalize.ID{normalize.NewID(time.Now())}}, 422, "not_found"},
		{"attachment is no id", path, map[string]any{"attachments": []string{"x"}}, 422, ""},
		{"no such conversation", "/v1/conversations/" + normalize.NewID(time.Now()).String() + "/messages", map[string]any{"text": "x"}, 404, ""},
		{"conversation is no id", "/v1/conversations/x/messages", map[string]any{"text": "x"}, 404, ""},
		{"misspelt key", path, map[string]any{"txet": "x"}, 422, ""},
		{"wrong type", path, map[string]any{"text": 1}, 422, ""},
		{"no JSON", path, "{", 400, ""},
		{"nothing", path, "", 400, ""},
		{"a thousand times a thousand brackets", path, strings.Repeat("[", 1_000_000), 400, ""},
		{"too large", path, map[string]any{"text": strings.Repeat("x", maxJSON)}, 413, ""},
		{"no such channel", "/v1/messages", map[string]any{"channel": "pigeon", "to": "carl@example.com", "text": "x"}, 422, "no_channel"},
		{"no address", "/v1/messages", map[string]any{"channel": "support", "to": "carl", "text": "x"}, 422, "no_address"},
		{"to nobody", "/v1/messages", map[string]any{"channel": "support", "text": "x"}, 422, ""},
		{"note to nobody", "/v1/messages", map[string]any{"channel": "support", "to": "carl@example.com", "text": "x", "note": true}, 422, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := *w
			w.t = t
			preview := strings.TrimSuffix(c.path, "/messages") + "/preview"
			if c.path == "/v1/messages" {
				preview = "/v1/messages/preview"
			}
			for _, path := range []string{c.path, preview} {
				if p := w.refused(c.status, "POST", path, c.body); p.Reason != c.reason {
					t.Errorf("%s: got reason %q in %+v, want %q", path, p.Reason, p, c.reason)
				}
			}
		})
	}
	w.refused(422, "POST", path, map[string]any{"text": "x"}, "Idempotency-Key", strings.Repeat("k", 256))
	w.refused(415, "POST", path, "text=x", "Content-Type", "application/x-www-form-urlencoded")
}

func TestEventsMissNothing(t *testing.T) {
	w := newWorld(t, Config{})
	asked := w.receive("ann@example.com", "a1", "in blue?", png)
	w.raw(201, "POST", "/v1/conversations/"+asked.ConversationID.String()+"/messages", map[string]any{"text": "Yes."})
	w.deliver(t)
	w.raw(200, "POST", "/v1/conversations/"+asked.ConversationID.String()+"/close", nil)
	type event struct {
		ID        string
		Type      normalize.EventType
		Timestamp time.Time
		Data      map[string]any
	}
	all := pages[event](w, "/v1/events", "after", 200)
	var types []normalize.EventType
	for _, e := range all {
		types = append(types, e.Type)
		if e.ID == "" || e.Timestamp.IsZero() || e.Data == nil {
			t.Errorf("incomplete: %+v", e)
		}
		if e.Type == normalize.MessageReceived && !strings.Contains(fmt.Sprint(e.Data["parts"]), publicURL+"/v1/media/") {
			t.Errorf("the picture has no address: %v", e.Data["parts"])
		}
	}
	for _, want := range []normalize.EventType{normalize.ConversationOpened, normalize.MessageReceived, normalize.MessageSent, normalize.MessageStatus, normalize.ConversationClosed} {
		if !slices.Contains(types, want) {
			t.Errorf("no %s in %v", want, types)
		}
	}
	for _, n := range []int{1, 2} {
		if got := pages[event](w, "/v1/events", "after", n); fmt.Sprint(got) != fmt.Sprint(all) {
			t.Errorf("by %d the list is another", n)
		}
	}
	if l := get[list[event]](w, "GET", "/v1/events?after=now", nil); len(l.Items) != 0 || l.Next != nil {
		t.Errorf("after now: %+v", l)
	}
}

// Who comes back after the events that it missed were deleted is told so.
func TestACursorOfEventsThatAreGone(t *testing.T) {
	w := newWorld(t, Config{})
	w.receive("ann@example.com", "a1", "one", nil)
	old := get[list[map[string]any]](w, "GET", "/v1/events", nil)
	w.receive("ann@example.com", "a2", "two", nil)
	w.receive("ann@example.com", "a3", "three", nil)
	read := get[list[map[string]any]](w, "GET", "/v1/events", nil)
	if _, err := w.db.Sweep(t.Context(), store.Retention{Events: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	w.refused(410, "GET", "/v1/events?after="+*old.Next, nil)
	w.refused(410, "GET", "/v1/events/stream?after="+*old.Next, nil)
	if l := get[list[map[string]any]](w, "GET", "/v1/events?after="+*read.Next, nil); len(l.Items) != 0 {
		t.Errorf("who has read all gets %+v", l)
	}
	for _, begin := range []string{"", "?after=0"} {
		if l := get[list[map[string]any]](w, "GET", "/v1/events"+begin, nil); len(l.Items) != 1 {
			t.Errorf("from the beginning: %d events, want the one that is kept", len(l.Items))
		}
	}
}

func TestABrokenStoreIsA503(t *testing.T) {
	w := newWorld(t, Config{})
	m := w.receive("ann@example.com", "a1", "in blue?", nil)
	if err := w.db.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	conversation := "/v1/conversations/" + m.ConversationID.String()
	for _, path := range []string{"/v1/customers", "/v1/customers/" + m.Customer.ID.String(), "/v1/conversations", conversation, "/v1/messages/" + m.ID.String(), "/v1/events", "/v1/events?after=now"} {
		w.refused(503, "GET", path, nil)
	}
	w.refused(503, "POST", conversation+"/messages", map[string]any{"text": "x"})
	w.refused(503, "POST", conversation+"/close", nil)
	w.refused(503, "POST", "/v1/media?name=x", "x", "Content-Type", "text/plain")
	w.refused(503, "DELETE", "/v1/customers/"+m.Customer.ID.String(), nil)
	w.s.Started()
	if code, words := look(w.s, "/readyz"); code != 503 {
		t.Errorf("readyz: %d %s", code, words)
	}
}

// An agent begins to write, and takes back what was sent.
func TestTypingAndRecall(t *testing.T) {
	w := newWorld(t, Config{})
	c := "/v1/conversations/" + w.receive("ann@example.com", "a1", "hi", nil).ConversationID.String()
	w.raw(204, "POST", c+"/typing", nil)
	w.refused(404, "POST", "/v1/conversations/0000000000001/typing", nil)
	var m normalize.Message
	if err := json.Unmarshal(w.raw(201, "POST", c+"/messages", map[string]any{"text": "oops"}), &m); err != nil {
		t.Fatal(err)
	}
	recall := "/v1/messages/" + m.ID.String() + "/recall"
	if p := w.refused(422, "POST", recall, nil); p.Reason != "not_sent" {
		t.Errorf("before it was sent: %+v", p)
	}
	jobs, err := w.db.Claim(t.Context(), outbox.Deliver, account.Name, time.Now(), time.Minute, 1)
	if err != nil || len(jobs) != 1 {
		t.Fatal(jobs, err)
	}
	sent := outbox.Result{ExternalID: "v1", Status: normalize.StatusAccepted}
	if err := w.db.Settle(t.Context(), outbox.DeliverPolicy.Settle(jobs[0], false, sent, time.Now())); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(w.raw(200, "POST", recall, nil), &m); err != nil || m.DeletedAt.IsZero() {
		t.Errorf("recalled: %+v, %v", m, err)
	}
	w.refused(404, "POST", "/v1/messages/0000000000001/recall", nil)
}
