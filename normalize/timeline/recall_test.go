package timeline_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// chatty is a channel that shows who is writing and takes back what was sent.
type chatty struct {
	*testChannel
	typed    []string
	recalled []string
	no       map[string]error // by external id
}

func (c *chatty) Typing(_ context.Context, _ normalize.Thread, to normalize.Address) error {
	c.typed = append(c.typed, to.Value)
	return errors.New("the vendor is down, and nobody cares")
}

func (c *chatty) Recall(_ context.Context, o *channel.Outbound, externalID string) error {
	if err := c.no[externalID]; err != nil {
		return err
	}
	if len(o.Parts) != 1 || o.Message == nil || !strings.HasPrefix(o.Key, "db-") {
		return errors.New("asked for nothing")
	}
	c.recalled = append(c.recalled, externalID)
	return nil
}

// vend settles the sends that wait, each under a name of its own.
func (r *rig) vend(names ...string) {
	r.t.Helper()
	for _, name := range names {
		jobs, err := r.db.Claim(r.t.Context(), outbox.Deliver, "chat", r.now, time.Minute, 1)
		r.must(err)
		if len(jobs) != 1 {
			r.t.Fatal("nothing to send")
		}
		res := outbox.Result{ExternalID: name, Status: normalize.StatusAccepted}
		r.must(r.db.Settle(r.t.Context(), outbox.DeliverPolicy.Settle(jobs[0], false, res, r.now)))
	}
}

func TestRecall(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		ch := &chatty{testChannel: &testChannel{limits: channel.Limits{TextRunes: 10}}, no: map[string]error{
			"late":  connectors.Errorf(connectors.Rejected, "400", "it is older than two days"),
			"again": connectors.Errorf(connectors.AccountDown, "401", "the token was revoked"),
		}}
		desk := r.desk(nil)
		desk.Outlets = outlets{"chat": {name: "chat", c: ch.testChannel, as: ch, now: r.Now}, "sms": {name: "sms", c: &testChannel{}, as: &testChannel{}, now: r.Now}}
		ann := r.ask("ann@chat.test")
		write := func(text string) normalize.ID {
			t.Helper()
			m, _, err := desk.Reply(t.Context(), timeline.Answer{Conversation: ann.ID, Text: text})
			r.must(err)
			return m.ID
		}
		refused := func(what string, id normalize.ID, reason, words string) {
			t.Helper()
			_, err := desk.Recall(t.Context(), id)
			why, ok := errors.AsType[*timeline.Refused](err)
			if !ok || why.Reason != reason || !strings.Contains(why.Detail, words) {
				t.Errorf("%s: %v", what, err)
			}
			if m := r.message(id); !m.DeletedAt.IsZero() {
				t.Errorf("%s: marked deleted", what)
			}
		}
		id := write("tenletterstenletters")
		refused("not sent yet", id, "not_sent", "cancel it")
		r.vend("a", "b")
		m, err := desk.Recall(t.Context(), id)
		r.must(err)
		if m.DeletedAt.IsZero() || m.Text == "" || !slices.Equal(ch.recalled, []string{"a", "b"}) {
			t.Errorf("recalled %v: %+v", ch.recalled, m)
		}
		if _, err := desk.Recall(t.Context(), id); err != nil || len(ch.recalled) != 2 || r.events(normalize.MessageDeleted) != 1 {
			t.Errorf("once more: %v, %v", ch.recalled, err)
		}
		id = write("tenletterstenletters")
		r.vend("c", "late")
		refused("the second part is too old", id, "unsupported", "1 of 2 parts were taken back, then: it is older")
		id = write("x")
		r.vend("again")
		if _, err := desk.Recall(t.Context(), id); err == nil || !strings.Contains(err.Error(), "revoked") {
			t.Errorf("with the account down: %v", err)
		}
		refused("a customer's", r.take(batch(wire{ID: "said", From: "ann@chat.test", Text: "x"}))[0].Message, "not_sent", "only what was sent from here")
		note, _, err := desk.Reply(t.Context(), timeline.Answer{Conversation: ann.ID, Text: "note", Note: true})
		r.must(err)
		refused("a note", note.ID, "not_sent", "")
		desk.Outlets = r.desk(map[string]*testChannel{"chat": {}}).Outlets
		refused("a channel that cannot", id, "unsupported", "cannot take back")
	})
}

func TestTyping(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		ch := &chatty{testChannel: &testChannel{}}
		desk := r.desk(nil)
		desk.Outlets = outlets{"chat": {name: "chat", c: ch.testChannel, as: ch, now: r.Now}}
		ann := r.ask("ann@chat.test")
		over := r.askWithin("over@chat.test", normalize.ReplyWindow{Until: r.now.Add(-time.Minute)})
		for _, id := range []normalize.ID{ann.ID, over.ID} {
			r.must(desk.Typing(t.Context(), id))
		}
		if !slices.Equal(ch.typed, []string{"ann@chat.test"}) {
			t.Errorf("shown to %v", ch.typed)
		}
		if err := desk.Typing(t.Context(), 4711); !errors.Is(err, timeline.ErrNotFound) {
			t.Errorf("in no conversation: %v", err)
		}
		desk.Outlets = r.desk(map[string]*testChannel{"chat": {}}).Outlets
		r.must(desk.Typing(t.Context(), ann.ID))
	})
}
