package helpdesktest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
)

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
		r.Skip("not tested: a merge with the ticket of a stranger, since this test of the product makes no such ticket (Beginner)")
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
	r.hearsOnly(m, into)
}

// hearsOnly has an agent answer on a ticket: that reaches the author of m, and
// nothing else does.
func (r *rig) hearsOnly(m *normalize.Message, ticket string) {
	r.Helper()
	r.product.Answer(r, ticket, "This is for you.")
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
		r.Skip("not tested: a merge with the ticket of a stranger, since this test of the product makes no such ticket (Beginner)")
	}
	into := p.Begin(r, "The code of your safe is 4711.")
	m := r.says("fang", "My matter")
	if !r.product.Merge(r, r.ticketOf(m), into) {
		r.Skip("this product merges no tickets")
	}
	r.moved(m, into)
	time.Sleep(1100 * time.Millisecond) // products tell times by the second
	r.hearsOnly(m, into)
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
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("a cancelled call took %v", d)
	}
	for _, one := range []helpdesk.Tickets{denied, away, h} {
		if err := one.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}
}
