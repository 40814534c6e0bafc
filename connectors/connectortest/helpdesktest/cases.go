package helpdesktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// holding counts the entries of a ticket whose text holds all of the words.
func (k Ticket) holding(words ...string) (list []Entry) {
	for _, e := range k.Entries {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(e.Text, w) }) {
			list = append(list, e)
		}
	}
	return list
}

func (k Ticket) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q open=%t gone=%t", k.Subject, k.Open, k.Gone)
	for _, e := range k.Entries {
		fmt.Fprintf(&b, "\n  %s internal=%t by %q: %q %v", e.ID, e.Internal, e.Author, e.Text, e.Files)
	}
	return b.String()
}

// once checks that words stand on a ticket exactly once.
func (r *rig) once(k Ticket, words ...string) (e Entry) {
	r.Helper()
	list := k.holding(words...)
	if len(list) != 1 {
		r.Fatalf("%q stands %d times on the ticket\n%s", words, len(list), k)
	}
	return list[0]
}

// conversation: the first message opens a ticket, all else is written on it,
// and nothing that we wrote comes back.
func conversation(r *rig) {
	first := r.says("fang", "Where is my parcel?", func(w *wire) { w.Message.Subject = "Parcel 4711" }, withFile("label.txt", []byte("label")),
		func(w *wire) {
			w.Message.ReplyWindow = &normalize.ReplyWindow{Until: time.Date(2031, 5, 6, 7, 8, 0, 0, time.UTC), Remaining: 5}
		})
	id := r.ticketOf(first)
	r.says("fang", "It was sent on Monday.")
	if other := r.says("li", "Another matter"); r.ticketOf(other) == id {
		r.Error("two customers share a ticket")
	}
	r.settled()
	k := r.product.Ticket(r, id)
	if !k.Open || !strings.Contains(k.Subject, "Parcel 4711") {
		r.Errorf("the ticket: %s", k)
	}
	e := r.once(k, "Where is my parcel?")
	if !slices.Contains(e.Files, "label.txt") {
		r.Errorf("its file is not there: %s", k)
	}
	all := k.holding("fang")
	if len(all) == 0 && !strings.Contains(e.Author, "fang") {
		r.Errorf("nothing says who wrote: %s", k)
	}
	if len(k.holding("2031-05-06 07:08")) == 0 {
		r.Errorf("nothing says how long an answer is possible: %s", k)
	}
	r.once(k, "It was sent on Monday.")
	for range 3 {
		r.pull()
		r.settled()
	}
	if list := r.written(first); len(list) > 0 {
		r.Errorf("our own words came back: %q", list[0].Text)
	}
	// What is told once more is not written once more.
	if n := len(r.product.Ticket(r, id).Entries); n != len(k.Entries) {
		r.Errorf("%d entries became %d", len(k.Entries), n)
	}
}

// answers: public ones go out with their author and files, notes stay inside,
// and a colleague's answer by another way is shown.
func answers(r *rig) {
	m := r.says("fang", "Hello?")
	id := r.ticketOf(m)
	r.product.Answer(r, id, "It arrives on Friday.", "map.txt", "bill.txt")
	r.product.Note(r, id, "She called twice.")
	r.until("an answer and a note on the timeline", func() bool { return len(r.written(m)) >= 2 })
	r.settled()
	list := r.written(m)
	if len(list) != 2 {
		r.Fatalf("%d messages of ours, want 2", len(list))
	}
	a, n := list[0], list[1]
	if a.Note {
		a, n = n, a
	}
	if a.Note || !n.Note || strings.TrimSpace(a.Text) != "It arrives on Friday." || strings.TrimSpace(n.Text) != "She called twice." {
		r.Errorf("the answer %q (note %t), the note %q (note %t)", a.Text, a.Note, n.Text, n.Note)
	}
	if a.Author == nil || a.Author.Name == "" {
		r.Error("nobody knows who answered")
	}
	var names []string
	for _, p := range a.Parts {
		if p.Media == nil {
			continue
		}
		names = append(names, p.Media.Name)
		f, err := r.files.Open(r.Context(), p.Media.SHA256)
		r.must(err)
		b, err := io.ReadAll(f)
		r.must(errors.Join(err, f.Close()))
		if string(b) != p.Media.Name {
			r.Errorf("file %q holds %q", p.Media.Name, b)
		}
	}
	if slices.Sort(names); !slices.Equal(names, []string{"bill.txt", "map.txt"}) {
		r.Errorf("the files %q", names)
	}

	// A colleague answers elsewhere.
	desk := &timeline.Desk{Store: r.db, Outlets: outlets{}, Now: connectors.SystemClock{}.Now, Expire: time.Hour}
	_, _, err := desk.Reply(r.Context(), timeline.Answer{Conversation: m.ConversationID, Text: "I looked it up.", Author: &normalize.Author{Name: "Zhao Lei"}})
	r.must(err)
	r.settled()
	k := r.product.Ticket(r, id)
	if e := r.once(k, "I looked it up."); !strings.Contains(e.Author+e.Text, "Zhao Lei") {
		r.Errorf("the colleague's name is missing: %s", k)
	}
	for range 3 {
		r.pull()
		r.settled()
	}
	if n := len(r.written(m)); n != 3 {
		r.Errorf("%d messages of ours, want 3: an answer was read twice, or an echo came back", n)
	}
}

func (r *rig) conversationState(m *normalize.Message) normalize.ConversationState {
	r.Helper()
	c, err := r.db.Conversation(r.Context(), m.ConversationID)
	r.must(err)
	return c.State
}

// states: closing and opening goes both ways, and a customer who writes opens
// a ticket again.
func states(r *rig) {
	m := r.says("fang", "Hello?")
	id := r.ticketOf(m)
	r.product.Close(r, id)
	r.until("the conversation closed", func() bool { return r.conversationState(m) == normalize.Closed })
	r.settled()
	r.product.Reopen(r, id)
	r.until("the conversation open again", func() bool { return r.conversationState(m) == normalize.Open })
	r.settled()
	_, err := r.db.SetConversation(r.Context(), m.ConversationID, normalize.Closed, time.Now().UTC())
	r.must(err)
	r.settled()
	if k := r.product.Ticket(r, id); k.Open {
		r.Errorf("the ticket of a closed conversation is open: %s", k)
	}
	_, err = r.db.SetConversation(r.Context(), m.ConversationID, normalize.Open, time.Now().UTC())
	r.must(err)
	r.settled()
	if k := r.product.Ticket(r, id); !k.Open {
		r.Errorf("the ticket of an open conversation is closed: %s", k)
	}
	// Closed by an agent who has not seen what the customer just wrote.
	r.product.Close(r, id)
	again := r.says("fang", "One more thing.")
	r.settled()
	if again.ConversationID == m.ConversationID {
		r.until("the ticket open again", func() bool { return r.product.Ticket(r, id).Open })
		r.settled()
		if s := r.conversationState(m); s != normalize.Open {
			r.Errorf("the conversation is %s", s)
		}
	}
}

// failures: what a customer does not get is told on the ticket, and opens it.
func failures(r *rig) {
	m := r.says("fang", "Hello?")
	id := r.ticketOf(m)
	r.product.Answer(r, id, "It arrives on Friday.")
	r.until("the answer", func() bool { return len(r.written(m)) == 1 })
	r.settled()
	r.product.Close(r, id)
	r.until("the conversation closed", func() bool { return r.conversationState(m) == normalize.Closed })
	r.settled()
	r.fails("550 5.1.1", "there is no such mailbox")
	r.settled()
	k := r.product.Ticket(r, id)
	if e := r.once(k, "there is no such mailbox", "550 5.1.1"); !e.Internal {
		r.Errorf("the customer could see it: %s", k)
	}
	if !k.Open {
		r.Errorf("the ticket was not opened again: %s", k)
	}
	for range 3 {
		r.pull()
		r.settled()
	}
	if n := len(r.written(m)); n != 1 {
		r.Errorf("%d messages of ours, want 1: the remark came back", n)
	}

	// An answer that cannot even be tried.
	late := r.says("li", "Anybody there?", func(w *wire) {
		w.Message.ReplyWindow = &normalize.ReplyWindow{Until: time.Now().Add(-time.Minute).UTC().Truncate(time.Second), Remaining: -1}
	})
	id = r.ticketOf(late)
	r.product.Answer(r, id, "Yes, I am.")
	r.until("a remark that it was not sent", func() bool { return len(r.product.Ticket(r, id).holding("was not sent")) > 0 })
	r.settled()
	if e := r.once(r.product.Ticket(r, id), "was not sent"); !e.Internal {
		r.Errorf("the customer could see it: %+v", e)
	}
	if list := r.written(late); len(list) != 0 {
		r.Errorf("it was sent: %+v", list[0])
	}
}

// changes: edits, deletions and files that come later are told.
func changes(r *rig) {
	m := r.says("fang", "I want two.", withFile("later.txt", nil))
	id := r.ticketOf(m)
	r.arrives("later.txt", "here it is")
	r.settled()
	k := r.product.Ticket(r, id)
	if !slices.ContainsFunc(k.Entries, func(e Entry) bool { return slices.Contains(e.Files, "later.txt") }) {
		r.Errorf("the file that came later is missing: %s", k)
	}
	r.comes(wire{Edit: &normalize.Edit{Target: m.ExternalID, Text: "I want three.", At: time.Now().UTC()}})
	r.settled()
	r.once(r.product.Ticket(r, id), "I want three.")
	r.comes(wire{Delete: &normalize.Delete{Target: m.ExternalID, At: time.Now().UTC()}})
	r.settled()
	r.once(r.product.Ticket(r, id), "deleted the message")
	count := 0
	for _, e := range r.product.Ticket(r, id).Entries {
		for _, f := range e.Files {
			if f == "later.txt" {
				count++
			}
		}
	}
	if count != 1 {
		r.Errorf("the file is there %d times", count)
	}
}

// interruptions: what was perhaps written is looked for before it is written
// again.
func interruptions(r *rig) {
	r.tickets.mu.Lock()
	r.tickets.lose = map[string]int{"Open": 1}
	r.tickets.mu.Unlock()
	m := r.says("fang", "The first words")
	id := r.ticketOf(m)
	r.once(r.product.Ticket(r, id), "The first words")
	for _, words := range []string{"The second words", "The third words"} {
		r.tickets.mu.Lock()
		r.tickets.lose = map[string]int{"Write": 1}
		r.tickets.mu.Unlock()
		r.says("fang", words, withFile("once.txt", []byte(words)))
		r.settled()
		r.once(r.product.Ticket(r, id), words)
	}
	r.pull()
	r.settled()
	if list := r.written(m); len(list) > 0 {
		r.Errorf("our own words came back: %q", list[0].Text)
	}
}

// merged: a ticket that agents merged into another is followed there.
func merged(r *rig) {
	a, b := r.says("fang", "My first matter"), r.says("li", "My other matter")
	from, into := r.ticketOf(a), r.ticketOf(b)
	if !r.product.Merge(r, from, into) {
		r.Skip("this product merges no tickets")
	}
	r.moved(a, into)
	more := r.says("fang", "Where did it go?")
	r.settled()
	if list := r.product.Ticket(r, into).holding("Where did it go?"); len(list) != 1 {
		r.Errorf("it stands %d times on the ticket that stayed: %s", len(list), r.product.Ticket(r, into))
	}
	r.product.Answer(r, into, "It is all here.")
	r.until("the answer to the one who wrote last", func() bool { return len(r.answers(more)) > 0 })
	r.settled()
	if n, other := len(r.answers(more)), len(r.answers(b)); n != 1 || other != 0 {
		r.Errorf("answers: %d to the one who wrote last, %d to the other", n, other)
	}
}

// moved waits until the conversation of a message is known to stand on a ticket.
func (r *rig) moved(m *normalize.Message, into string) {
	r.Helper()
	r.until("the merge noticed", func() bool {
		k, err := r.db.TicketOf(r.Context(), desk, m.ConversationID)
		r.must(err)
		if k.Ticket != into {
			r.says(m.Address.Value, "Are you there?")
			r.settled()
		}
		return k.Ticket == into
	})
}

// adopting: nor is what agents answered somebody else, whose ticket they merged
// into ours.
func adopting(r *rig) {
	p, ok := r.product.(Beginner)
	if !ok {
		r.Skip("in this product nobody makes tickets of their own here")
	}
	m := r.says("fang", "My matter")
	into := r.ticketOf(m)
	if !r.product.Merge(r, p.Begin(r, "The code of your safe is 4711."), into) {
		r.Skip("this product merges no tickets")
	}
	for range 3 {
		r.pull()
		r.settled()
	}
	r.product.Answer(r, into, "This is for you.")
	r.until("the answer", func() bool { return len(r.written(m)) > 0 })
	r.settled()
	list := r.written(m)
	if len(list) != 1 || strings.TrimSpace(list[0].Text) != "This is for you." {
		r.Errorf("%d messages of ours, the first %q", len(list), list[0].Text)
	}
}

// adopted: what agents answered somebody else on the ticket that ours was
// merged into is not sent to our customer.
func adopted(r *rig) {
	p, ok := r.product.(Beginner)
	if !ok {
		r.Skip("in this product nobody makes tickets of their own here")
	}
	into := p.Begin(r, "The code of your safe is 4711.")
	m := r.says("fang", "My matter")
	if !r.product.Merge(r, r.ticketOf(m), into) {
		r.Skip("this product merges no tickets")
	}
	r.moved(m, into)
	time.Sleep(1100 * time.Millisecond) // products tell times by the second
	r.product.Answer(r, into, "This is for you.")
	r.until("the answer", func() bool { return len(r.written(m)) > 0 })
	r.settled()
	list := r.written(m)
	if len(list) != 1 || strings.TrimSpace(list[0].Text) != "This is for you." {
		r.Errorf("%d messages of ours, the first %q", len(list), list[0].Text)
	}
}

// deleted: who writes after the ticket was deleted gets a new one.
func deleted(r *rig) {
	m := r.says("fang", "Hello?")
	id := r.ticketOf(m)
	if !r.product.Delete(r, id) {
		r.Skip("this product deletes no tickets")
	}
	for range 3 {
		r.pull()
		r.settled()
	}
	r.says("fang", "Is anybody there?")
	r.settled()
	next := r.ticketOf(m)
	if next == id {
		r.Fatal("the ticket is still the deleted one")
	}
	k := r.product.Ticket(r, next)
	r.once(k, "Is anybody there?")
	if !k.Open || k.Gone {
		r.Errorf("the new ticket: %s", k)
	}
}

// calls: genuine ones name their ticket, others are refused.
func calls(r *rig) {
	hook, ok := r.tickets.Tickets.(helpdesk.Webhook)
	m := r.says("fang", "Hello?")
	id := r.ticketOf(m)
	call := r.product.Call(r, id)
	if !ok || call == nil {
		if ok || call != nil {
			r.Fatalf("calls are taken: %t, and made: %t", ok, call != nil)
		}
		return
	}
	for range 2 { // a repeat is harmless
		tickets, _, err := hook.Parse(r.Context(), call)
		if err != nil || !slices.Contains(tickets, id) {
			r.Fatalf("a genuine call about %s: %v, %v", id, tickets, err)
		}
	}
	for name, spoil := range map[string]func(c *connectors.Request){
		"without header": func(c *connectors.Request) {
			for h := range c.Header {
				if h != "Content-Type" {
					c.Header.Del(h)
				}
			}
		},
		"another secret": func(c *connectors.Request) {
			for h, v := range c.Header {
				if h != "Content-Type" && h != "User-Agent" && len(v) > 0 {
					c.Header.Set(h, swapped(v[0]))
				}
			}
		},
	} {
		c := *call
		c.Header = call.Header.Clone()
		spoil(&c)
		if _, _, err := hook.Parse(r.Context(), &c); !errors.Is(err, connectors.ErrForged) {
			r.Errorf("%s: %v, want ErrForged", name, err)
		}
	}
	for _, body := range []string{"", "{", "[]", "null", `{"a":1}`, strings.Repeat("[", 5000)} {
		c := *call
		c.Body = []byte(body)
		if tickets, _, err := hook.Parse(r.Context(), &c); err == nil && len(tickets) > 0 {
			r.Errorf("body %.20q names tickets %v", body, tickets)
		}
	}
}

// swapped changes the last letter of a header's value.
func swapped(v string) string {
	if v == "" {
		return "x"
	}
	last := byte('a')
	if v[len(v)-1] == last {
		last = 'b'
	}
	return v[:len(v)-1] + string(last)
}

// hostile: the words of a customer stay words, whatever they look like.
func hostile(r *rig) {
	for _, words := range []string{
		"<script>alert(1)</script> & <b>bold</b>", "h1. Title\n* star\n{{include(Wiki)}} !image.png! [[link]]", "# heading\n\n```\ncode\n``` **b** _i_ ![x](http://e.example/x.png)",
		"您好，我的包裹在哪里？ 👩‍👩‍👧 مرحبا", "{{ticket.requester}} ${env} %{x} {% raw %}", strings.Repeat("long words ", 5000) + "the end",
	} {
		m := r.says("c"+strconv.Itoa(r.n), words)
		id := r.ticketOf(m)
		k := r.product.Ticket(r, id)
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
		if !slices.ContainsFunc(k.Entries, func(e Entry) bool { return strings.Contains(squeeze(e.Text), squeeze(words)) }) {
			r.Errorf("%.80q is not there word for word: %.600s", words, k)
		}
	}
}

// refusals: wrong credentials stop the account, an absent product is waited
// for, and a cancelled call ends.
func (s Suite) refusals(t *testing.T) {
	class := func(err error) connectors.Class {
		e, ok := errors.AsType[*connectors.Error](err)
		if !ok {
			t.Errorf("no *connectors.Error: %v", err)
			return connectors.Transient
		}
		return e.Class
	}
	draft := func() *helpdesk.Draft {
		m := &normalize.Message{ID: 1, Direction: normalize.Inbound, Text: "Hello"}
		c := &normalize.Conversation{ID: 2, Customer: &normalize.Customer{ID: 3, Name: "Wang"}, Address: normalize.Address{Kind: "test", Value: "wang"}, Channel: normalize.Account{Name: chat, Type: "test"}}
		return &helpdesk.Draft{Tag: "c-refused", Subject: "Hello", Conversation: c, First: &helpdesk.Entry{
			Tag: "m-refused", Kind: helpdesk.FromCustomer, Author: "Wang", Message: m, Heading: "Wang wrote", Text: "Hello", At: time.Now(),
		}}
	}
	denied := s.Denied(t)
	if c := class(denied.Probe(t.Context())); c != connectors.AccountDown {
		t.Errorf("Probe with wrong credentials: %v", c)
	}
	if _, err := denied.Open(t.Context(), draft()); class(err) != connectors.AccountDown {
		t.Errorf("Open with wrong credentials: %v", err)
	}
	if _, err := denied.Changed(t.Context(), ""); err == nil || class(err) != connectors.AccountDown {
		t.Errorf("Changed with wrong credentials: %v", err)
	}
	away := s.Away(t)
	if _, err := away.Open(t.Context(), draft()); class(err) != connectors.Transient && class(err) != connectors.Ambiguous {
		t.Errorf("Open without a product: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h, _ := s.Open(t)
	began := time.Now()
	if _, err := h.Open(ctx, draft()); err == nil {
		t.Error("a cancelled Open made a ticket")
	}
	if d := time.Since(began); d > time.Second {
		t.Errorf("a cancelled call took %v", d)
	}
	for _, one := range []helpdesk.Tickets{denied, away, h} {
		if err := one.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}
}
