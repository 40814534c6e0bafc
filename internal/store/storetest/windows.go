package storetest

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// windowed is a message that opens a reply window.
func (h *harness) windowed(from string, lasts time.Duration, answers int) *normalize.Message {
	return h.msg(from, "hi", func(m *normalize.Message) {
		m.ReplyWindow = &normalize.ReplyWindow{Until: h.now.Add(lasts), Remaining: answers}
	})
}

// try answers with one request for each text.
func (h *harness) try(c *normalize.Conversation, f func(r *timeline.Reply), texts ...string) (*normalize.Message, error) {
	h.Helper()
	r := h.answer(c, "", texts...)
	r.Jobs = nil
	for i := range texts {
		r.Jobs = append(r.Jobs, []int{i})
	}
	if f != nil {
		f(&r)
	}
	m, _, err := h.db.Reply(h.ctx(), r)
	return m, err
}

func (h *harness) left(c *normalize.Conversation) int {
	h.Helper()
	w := h.conversation(c.ID).ReplyWindow
	if w == nil {
		h.Fatal("there is no window")
	}
	return w.Remaining
}

// worked settles the next job.
func (h *harness) worked(r outbox.Result) *outbox.Job {
	h.Helper()
	jobs, err := h.db.Claim(h.ctx(), outbox.Deliver, "support", h.now, time.Minute, 1)
	h.must(err)
	if len(jobs) != 1 {
		h.Fatal("nothing to send")
	}
	_, err = h.db.Begin(h.ctx(), jobs[0].ID, jobs[0].Fence, h.now)
	h.must(err)
	h.must(h.db.Settle(h.ctx(), outbox.DeliverPolicy.Settle(jobs[0], true, r, h.now)))
	return jobs[0]
}

func replyWindows(t *testing.T, h *harness) {
	closed := func(what string, err error, words string) {
		t.Helper()
		var why *timeline.Refused
		if !errors.As(err, &why) || why.Reason != "window_closed" || !strings.Contains(why.Detail, words) {
			t.Errorf("%s: %v", what, err)
		}
	}
	m := h.place(h.windowed("ann@example.com", 48*time.Hour, 5))
	c := h.conversation(m.ConversationID)
	if w := c.ReplyWindow; w == nil || !w.Until.Equal(h.now.Add(48*time.Hour)) || w.Remaining != 5 || m.ReplyWindow.Remaining != 5 {
		t.Fatalf("window %+v", w)
	}
	_, err := h.try(c, nil, "1", "2", "3", "4", "5", "6")
	closed("six requests of five", err, "takes 6 messages and the vendor allows 5")
	if n := count(h.events(), normalize.MessageSent); n != 0 {
		t.Error("something of it was kept")
	}
	first, err := h.try(c, nil, "1", "2")
	h.must(err)
	if n := h.left(c); n != 3 {
		t.Errorf("with two queued, %d are left", n)
	}
	// Another conversation of the same address has no window of its own.
	other := h.conversation(h.place(h.msg("ann@example.com", "other matter", func(m *normalize.Message) { m.Thread.Separate = true })).ConversationID)
	if other.ID == c.ID || h.left(other) != 3 {
		t.Errorf("in the other conversation %d are left", h.left(other))
	}
	_, err = h.try(other, nil, "1", "2", "3", "4")
	closed("four of three", err, "takes 4")
	if w := h.message(first.ID).ReplyWindow; w == nil || w.Remaining != 3 {
		t.Errorf("on a message: %+v", w)
	}
	h.worked(accepted)
	failed := h.worked(failure(connectors.Rejected))
	if n := h.left(c); n != 4 {
		t.Errorf("one accepted and one refused, %d are left", n)
	}
	h.must(h.db.Retry(h.ctx(), failed.ID, time.Time{}, h.now))
	h.worked(failure(connectors.Ambiguous)) // the vendor may have counted it
	if n := h.left(c); n != 3 {
		t.Errorf("one of unknown fate, %d are left", n)
	}
	third, err := h.try(c, nil, "3")
	h.must(err)
	jobs, err := h.db.JobsOf(h.ctx(), third.ID)
	h.must(err)
	for _, j := range jobs {
		if j.Task == outbox.TaskSend {
			h.must(h.db.Cancel(h.ctx(), j.ID, h.now))
		}
	}
	if n := h.left(c); n != 3 {
		t.Errorf("one cancelled, %d are left", n)
	}
	// What waits when the customer writes again is counted against the new one.
	_, err = h.try(c, nil, "4", "5")
	h.must(err)
	h.now = h.now.Add(time.Hour)
	h.place(h.windowed("ann@example.com", 48*time.Hour, 5))
	if n := h.left(c); n != 3 {
		t.Errorf("two wait, %d are left of the new window", n)
	}
	h.place(h.windowed("ann@example.com", time.Minute, 1)) // a click: worth less than what she wrote
	if n := h.left(c); n != 3 {
		t.Errorf("after a shorter window, %d are left", n)
	}
	w, err := h.db.ReplyWindow(h.ctx(), "support", m.Address, c.ID)
	h.must(err)
	if w.Remaining != 5 || w.Pending != 2 {
		t.Errorf("as the vendor counts: %+v", w)
	}
	h.now = h.now.Add(49 * time.Hour)
	_, err = h.try(c, nil, "late")
	closed("after its end", err, "until the customer writes again")
	_, err = h.try(c, func(r *timeline.Reply) { r.Anytime = true }, "by a template")
	h.must(err)
	h.place(h.windowed("ann@example.com", time.Minute, 1))
	if w := h.conversation(c.ID).ReplyWindow; !w.Until.Equal(h.now.Add(time.Minute)) {
		t.Errorf("a short window where nothing is left: %+v", w)
	}

	// The vendor counts otherwise than we do.
	for range 2 { // what is due from before: the template, and a look at what was unknown
		h.worked(accepted)
	}
	h.place(h.windowed("ann@example.com", 48*time.Hour, 5))
	for range 2 {
		_, err = h.try(c, nil, "refused")
		h.must(err)
	}
	full := failure(connectors.Unreachable)
	full.Closed = h.conversation(c.ID).ReplyWindow.Until
	h.worked(full)
	_, err = h.try(c, nil, "too many")
	closed("after the vendor said so", err, "no further answer")
	h.now = h.now.Add(time.Second)
	h.place(h.windowed("ann@example.com", 48*time.Hour, 5))
	h.worked(full) // of the window before
	if n := h.left(c); n != 5 {
		t.Errorf("written to again while the last one was refused, %d are left", n)
	}
	if why, err := h.db.Unreachable(h.ctx(), m.Address); err != nil || why != nil {
		t.Errorf("a closed window makes the address unreachable: %v, %v", why, err)
	}

	h.now = h.now.Add(time.Second)
	h.place(h.windowed("ann@example.com", 48*time.Hour, 5))
	h.place(h.windowed("ann@example.com", 0, 0)) // she unsubscribed
	_, err = h.try(c, nil, "too late")
	closed("after a message that ends it", err, "until the customer writes again")

	bob := h.place(h.windowed("bob@example.com", time.Hour, -1))
	for range 3 {
		_, err := h.try(h.conversation(bob.ConversationID), nil, "1", "2")
		h.must(err)
	}
	if n := h.left(h.conversation(bob.ConversationID)); n != -1 {
		t.Errorf("without a limit, %d are left", n)
	}
	if w, err := h.db.ReplyWindow(h.ctx(), "sms", m.Address, c.ID); err != nil || w != nil {
		t.Errorf("on another account: %+v, %v", w, err)
	}
}

// threadWindows: where the vendor counts for each thread, a customer's threads
// have a window each.
func threadWindows(t *testing.T, h *harness) {
	in := func(thread string, lasts time.Duration, answers int, perThread bool) *normalize.Message {
		m := h.windowed("ann@example.com", lasts, answers)
		m.Thread.ID, m.Thread.Key, m.ReplyWindow.PerThread = thread, thread, perThread
		return h.place(m)
	}
	// As it stood before the vendor's threads were told apart.
	old := h.conversation(in("sales", 48*time.Hour, 3, false).ConversationID)
	_, err := h.try(old, nil, "before")
	h.must(err)
	if n := h.left(old); n != 2 {
		t.Errorf("of one window for all, %d are left", n)
	}
	said := in("sales", 48*time.Hour, 5, true)
	if said.ConversationID != old.ID || h.left(old) != 5 {
		t.Errorf("in the thread's own window %d are left", h.left(old))
	}
	h.worked(accepted) // and counts here
	help := h.conversation(in("help", 48*time.Hour, 5, true).ConversationID)
	if help.ID == old.ID {
		t.Fatal("two threads are one conversation")
	}
	_, err = h.try(old, nil, "1", "2")
	h.must(err)
	sent, err := h.try(help, nil, "1", "2", "3", "4", "5")
	h.must(err)
	if a, b := h.left(old), h.left(help); a != 2 || b != 0 {
		t.Errorf("%d and %d are left, want 2 and 0", a, b)
	}
	var why *timeline.Refused
	if _, err = h.try(help, nil, "6"); !errors.As(err, &why) || why.Reason != "window_closed" {
		t.Errorf("a sixth in the same thread: %v", err)
	}
	if a, b := h.message(said.ID).ReplyWindow, h.message(sent.ID).ReplyWindow; a.Remaining != 2 || b.Remaining != 0 {
		t.Errorf("on messages: %+v and %+v", a, b)
	}
	// What is sent counts where it was said.
	which, want := map[normalize.ID]*normalize.Conversation{old.ID: old, help.ID: help}, map[normalize.ID]timeline.Window{
		old.ID:  {ReplyWindow: normalize.ReplyWindow{Remaining: 4}, Pending: 2},
		help.ID: {ReplyWindow: normalize.ReplyWindow{Remaining: 5}, Pending: 5},
	}
	for range 3 {
		in := h.message(h.worked(accepted).Message).ConversationID
		w := want[in]
		w.Remaining--
		w.Pending--
		want[in] = w
	}
	for id, c := range which {
		w, err := h.db.ReplyWindow(h.ctx(), "support", c.Address, id)
		h.must(err)
		if w.Remaining != want[id].Remaining || w.Pending != want[id].Pending {
			t.Errorf("as the vendor counts: %+v, want %+v", w, want[id])
		}
	}
	in("help", 0, 0, true) // it ends there, and nowhere else
	if a, b := h.left(old), h.left(help); a != 2 || b != 0 {
		t.Errorf("after one was ended: %d and %d are left, want 2 and 0", a, b)
	}
}

// windowRace: who answers at the same moment shares what is left.
func windowRace(t *testing.T, h *harness) {
	nodes := []timelineDB{h.db, h.open(t)}
	c := h.conversation(h.place(h.windowed("ann@example.com", time.Hour, 5)).ConversationID)
	var took atomic.Int64
	var wg sync.WaitGroup
	for i := range 12 {
		r := h.answer(c, "", strconv.Itoa(i))
		wg.Go(func() {
			_, _, err := nodes[i%2].Reply(h.ctx(), r)
			var why *timeline.Refused
			switch {
			case err == nil:
				took.Add(1)
			case !errors.As(err, &why):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := took.Load(); n != 5 || h.left(c) != 0 {
		t.Errorf("%d answers were taken of 5, %d are left", n, h.left(c))
	}
}
