package timeline_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Whatever arrives, is answered, merged and parted, in whatever order: every
// input has one row with an outcome, every message stands on one timeline once,
// timelines can be read in pages of any size, and no status steps down.
func TestAnySequence(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		run := 0
		rapid.Check(t, func(rt *rapid.T) {
			run++
			var begin normalize.ID
			if last, err := r.db.Ledger(t.Context(), timeline.LedgerFilter{Limit: 1}); err != nil {
				rt.Fatal(err)
			} else if len(last) > 0 {
				begin = last[0].ID
			}
			s := &sequence{rig: r, rt: rt, name: fmt.Sprintf("run%d", run), begin: begin, statuses: map[normalize.ID]normalize.Status{}}
			steps := []func(){s.write, s.write, s.again, s.poison, s.answer, s.echo, s.edit, s.withdraw, s.receipt, s.receipt, s.merge, s.undo}
			for range rapid.IntRange(1, 25).Draw(rt, "steps") {
				steps[rapid.IntRange(0, len(steps)-1).Draw(rt, "step")]()
				s.checkStatuses()
			}
			s.checkLedger()
			s.checkTimelines()
		})
	})
}

// sequence is one run. Its customers and ids are its own, so that runs can
// share a store.
type sequence struct {
	*rig
	rt       *rapid.T
	name     string
	begin    normalize.ID // the newest row of the ledger before
	inputs   int
	sent     []wire // what customers wrote
	ours     []*normalize.Message
	merges   []normalize.ID
	statuses map[normalize.ID]normalize.Status
}

func (s *sequence) someone() string {
	return fmt.Sprintf("c%d@%s.test", rapid.IntRange(0, 2).Draw(s.rt, "customer"), s.name)
}

// pick draws one of list; false where it is empty.
func pick[T any](s *sequence, list []T) (x T, ok bool) {
	if len(list) == 0 {
		return x, false
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(s.rt, "which")], true
}

func (s *sequence) give(w wire) {
	b := batch(w)
	b.Inputs[0].Key = s.name
	if err := s.Take(s.t.Context(), source(decoder{}), b); err != nil {
		s.rt.Fatal(err)
	}
	s.inputs++
}

func (s *sequence) write() {
	w := wire{ID: fmt.Sprintf("%s-%d", s.name, s.inputs), From: s.someone(), Text: "words", Separate: rapid.Bool().Draw(s.rt, "separate")}
	if to, ok := pick(s, s.sent); ok && rapid.Bool().Draw(s.rt, "answers") {
		w.ReplyTo = to.ID
	}
	s.sent = append(s.sent, w)
	s.give(w)
}

func (s *sequence) again() {
	if w, ok := pick(s, s.sent); ok {
		s.give(w)
	}
}

func (s *sequence) poison() {
	s.give(wire{Do: "error", ID: fmt.Sprintf("%s-bad-%d", s.name, s.inputs), From: s.someone()})
}

func (s *sequence) edit() {
	if w, ok := pick(s, s.sent); ok {
		s.give(wire{Do: "edit", ID: fmt.Sprint(s.inputs), Target: w.ID, Text: "other words"})
	}
}

func (s *sequence) withdraw() {
	if w, ok := pick(s, s.sent); ok {
		s.give(wire{Do: "delete", ID: fmt.Sprint(s.inputs), Target: w.ID})
	}
}

func (s *sequence) answer() {
	c, err := s.db.CustomerOf(s.t.Context(), normalize.Email(s.someone(), ""))
	if errors.Is(err, timeline.ErrNotFound) {
		return
	}
	list, err2 := s.db.Conversations(s.t.Context(), timeline.ConversationFilter{Customer: c.ID})
	if err := errors.Join(err, err2); err != nil {
		s.rt.Fatal(err)
	}
	conversation, ok := pick(s, list)
	if !ok {
		return
	}
	m, _, err := s.desk(map[string]*testChannel{"chat": {prefix: "ours "}}).Reply(s.t.Context(), timeline.Answer{Conversation: conversation.ID, Text: "answer"})
	if err != nil {
		s.rt.Fatal(err)
	}
	s.ours = append(s.ours, m)
}

func (s *sequence) echo() {
	if m, ok := pick(s, s.ours); ok {
		s.give(wire{ID: m.ExternalID, From: m.Address.Value, Text: "answer", Outbound: true})
	}
}

func (s *sequence) receipt() {
	if m, ok := pick(s, s.ours); ok {
		status := rapid.SampledFrom([]normalize.Status{
			normalize.StatusSending, normalize.StatusAccepted, normalize.StatusFailed,
			normalize.StatusDelivered, normalize.StatusRead, normalize.StatusUncertain,
		}).Draw(s.rt, "status")
		s.give(wire{Do: "receipt", ID: fmt.Sprint(s.inputs), Target: m.ExternalID, Status: status})
	}
}

func (s *sequence) merge() {
	var ids []normalize.ID
	for range 2 {
		c, err := s.db.CustomerOf(s.t.Context(), normalize.Email(s.someone(), ""))
		if errors.Is(err, timeline.ErrNotFound) {
			return
		}
		if err != nil {
			s.rt.Fatal(err)
		}
		ids = append(ids, c.ID)
	}
	if ids[0] != ids[1] {
		s.merges = append(s.merges, s.rig.merge(ids[0], ids[1]))
	}
}

func (s *sequence) undo() {
	if id, ok := pick(s, s.merges); ok {
		if _, err := s.db.Undo(s.t.Context(), id, "Eve", s.now); err != nil && !errors.Is(err, timeline.ErrConflict) {
			s.rt.Fatal(err)
		}
	}
}

func (s *sequence) checkStatuses() {
	for _, m := range s.ours {
		now := s.rig.message(m.ID).Parts[0].Status
		if before := s.statuses[m.ID]; before != "" && normalize.Advance(before, now) != now {
			s.rt.Fatalf("a part went from %s to %s", before, now)
		}
		s.statuses[m.ID] = now
	}
}

func (s *sequence) checkLedger() {
	rows := s.ledgerAfter(s.begin)
	if len(rows) != s.inputs {
		s.rt.Fatalf("%d rows for %d inputs", len(rows), s.inputs)
	}
	for _, e := range rows {
		if e.Outcome == "" || e.Outcome == normalize.Accepted && e.Message == 0 {
			s.rt.Fatalf("row %+v", e)
		}
	}
}

func (s *sequence) checkTimelines() {
	customers, err := s.db.Customers(s.t.Context(), "@"+s.name+".test", 0, 0)
	if err != nil {
		s.rt.Fatal(err)
	}
	seen := map[normalize.ID]bool{}
	size := rapid.IntRange(1, 5).Draw(s.rt, "page")
	for _, c := range customers {
		whole := s.timeline(c.ID)
		var before normalize.ID
		for i := 0; ; i += size {
			page, err := s.db.Timeline(s.t.Context(), c.ID, before, size)
			if err != nil {
				s.rt.Fatal(err)
			}
			if !slices.EqualFunc(page, whole[min(i, len(whole)):min(i+size, len(whole))], func(a, b *normalize.Message) bool { return a.ID == b.ID }) {
				s.rt.Fatalf("the page of %d from %d is another than that part of the whole", size, i)
			}
			if len(page) == 0 {
				break
			}
			before = page[len(page)-1].ID
		}
		for i, m := range whole {
			if seen[m.ID] {
				s.rt.Fatalf("message %s stands on timelines twice", m.ID)
			}
			seen[m.ID] = true
			if i > 0 && m.ID >= whole[i-1].ID {
				s.rt.Fatalf("message %s stands below %s", m.ID, whole[i-1].ID)
			}
			if m.Customer.ID != c.ID {
				s.rt.Fatalf("message %s of %s stands on the timeline of %s", m.ID, m.Customer.ID, c.ID)
			}
		}
	}
	poisoned := 0
	for _, e := range s.ledgerAfter(s.begin) {
		if e.Outcome == normalize.Quarantined {
			poisoned++
		}
	}
	if want := len(s.sent) + len(s.ours) + poisoned; len(seen) != want {
		s.rt.Fatalf("%d messages on timelines, want %d of customers, %d of agents, %d stubs", len(seen), len(s.sent), len(s.ours), poisoned)
	}
}
