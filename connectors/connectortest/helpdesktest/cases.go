package helpdesktest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
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

	// Nobody knows whether an answer arrived, and then it has.
	r.product.Answer(r, id, "Then write to me.")
	r.until("the second answer", func() bool { return len(r.written(m)) == 2 })
	r.settled()
	r.vanishes("the vendor gave no answer")
	r.settled()
	r.once(r.product.Ticket(r, id), "may not have been delivered", "the vendor gave no answer")
	for _, s := range []normalize.Status{normalize.StatusAccepted, normalize.StatusDelivered} {
		r.comes(wire{Receipt: &normalize.Receipt{PartID: r.written(m)[1].Parts[0].ID, Status: s}})
		r.settled()
	}
	if e := r.once(r.product.Ticket(r, id), "after all"); !e.Internal {
		r.Errorf("the customer could see it: %+v", e)
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
