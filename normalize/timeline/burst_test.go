package timeline_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const crowd = 50

// all calls take once for each of the crowd, at the same time.
func all(take func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range crowd {
		wg.Go(func() {
			<-start
			take(i)
		})
	}
	close(start)
	wg.Wait()
}

// nodes are ingestors that share the work: one, or several on one database.
func (r *rig) nodes(n int) (list []*timeline.Ingestor) {
	list = append(list, r.Ingestor)
	for range n - 1 {
		list = append(list, r.on(r.open()))
	}
	return list
}

// Fifty first messages of one customer at once are one customer with one
// conversation, whether they answer nothing (chat) or one mail.
func TestFirstMessagesAtOnce(t *testing.T) {
	for name, f := range map[string]func(i int) wire{
		"chat": func(i int) wire { return wire{From: "ann@example.test", Text: fmt.Sprint("hello ", i)} },
		"mail": func(i int) wire {
			return wire{From: "ann@example.test", Text: fmt.Sprint("hello ", i), ReplyTo: "root", Separate: true}
		},
	} {
		first := func(t *testing.T, r *rig, nodes int) {
			before := 0
			if name == "mail" {
				r.take(batch(wire{ID: "root", From: "ann@example.test", Text: "root", Separate: true}))
				before = 1
			}
			by := r.nodes(nodes)
			list := names(crowd, f)
			all(func(i int) {
				if err := by[i%nodes].Take(t.Context(), source(decoder{}), batch(list[i])); err != nil {
					t.Errorf("message %d: %v", i, err)
				}
			})
			customers, conversations := r.customers(), r.conversations()
			if len(customers) != 1 || len(conversations) != 1 {
				t.Fatalf("%d customers, %d conversations", len(customers), len(conversations))
			}
			texts := map[string]bool{}
			for _, m := range r.timeline(customers[0].ID) {
				texts[m.Text] = true
			}
			if len(texts) != before+crowd || r.outcomes[normalize.Accepted] != before+crowd {
				t.Errorf("%d messages on the timeline, outcomes %v", len(texts), r.outcomes)
			}
			if n := r.events(normalize.ConversationOpened); n != 1 {
				t.Errorf("%d conversations were announced", n)
			}
		}
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, r *rig) { first(t, r, 1) })
			t.Run("two nodes", func(t *testing.T) { first(t, newRig(t, testenv.Postgres(t)), 2) })
		})
	}
}

// However often a vendor hands a batch over, and from however many nodes, each
// message is taken in once and each time has its row in the ledger.
func TestTheSameBatchAgain(t *testing.T) {
	again := func(t *testing.T, r *rig, nodes int) {
		const each = 4
		list := names(each, func(i int) wire { return wire{From: fmt.Sprintf("c%d@example.test", i), Text: "hello"} })
		r.take(batch(list...))
		for _, row := range r.take(batch(list...)) {
			if row.Outcome != normalize.Duplicate || row.Message == 0 {
				t.Errorf("the second time: %+v", row)
			}
		}
		for i := range list {
			list[i].ID = "at once " + list[i].ID
		}
		by := r.nodes(nodes)
		all(func(i int) {
			if err := by[i%nodes].Take(t.Context(), source(decoder{}), batch(list...)); err != nil {
				t.Error(err)
			}
		})
		if r.outcomes[normalize.Accepted] != 2*each || r.outcomes[normalize.Duplicate] != each+each*(crowd-1) || len(r.outcomes) != 2 {
			t.Errorf("outcomes %v", r.outcomes)
		}
		if n, want := len(r.ledger()), 2*each+each*crowd; n != want {
			t.Errorf("%d rows in the ledger, want %d", n, want)
		}
		if n := r.events(normalize.MessageReceived); n != 2*each {
			t.Errorf("%d messages were announced", n)
		}
		for _, c := range r.customers() {
			if n := len(r.timeline(c.ID)); n != 2 {
				t.Errorf("%s has %d messages", c.Addresses[0], n)
			}
		}
	}
	engines(t, func(t *testing.T, r *rig) { again(t, r, 1) })
	t.Run("two nodes", func(t *testing.T) { again(t, newRig(t, testenv.Postgres(t)), 2) })
}

// Our own message that a vendor sends back is known by the vendor's id. What an
// agent wrote in the vendor's own app is new.
func TestEchoes(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		q := r.take(batch(wire{ID: "q", From: "ann@example.test", Text: "question"}))[0]
		desk := r.desk(map[string]*testChannel{"chat": {prefix: "ours "}})
		ours, _, err := desk.Reply(t.Context(), timeline.Answer{Conversation: r.message(q.Message).ConversationID, Text: "answer"})
		r.must(err)
		for range 2 {
			row := r.take(batch(wire{ID: ours.ExternalID, From: "ann@example.test", Text: "answer", Outbound: true}))[0]
			if row.Outcome != normalize.Echo || row.Message != ours.ID {
				t.Errorf("our own message came back as %+v", row)
			}
		}
		row := r.take(batch(wire{ID: "app", From: "ann@example.test", Text: "from the app", Outbound: true}))[0]
		m := r.message(row.Message)
		if row.Outcome != normalize.Accepted || m.Direction != normalize.Outbound || m.ConversationID != ours.ConversationID {
			t.Errorf("written in the app: %+v, %+v", row, m)
		}
	})
}
