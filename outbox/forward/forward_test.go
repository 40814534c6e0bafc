package forward

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// desk answers every event alike. What Forward does not need is left out.
type desk struct {
	helpdesk.Subscriber
	err error
	got []normalize.ID
}

func (d *desk) Forward(_ context.Context, e *normalize.Event) error {
	d.got = append(d.got, e.ID)
	return d.err
}

type events struct{ err error }

func (s events) Event(_ context.Context, id normalize.ID) (*normalize.Event, error) {
	return &normalize.Event{ID: id}, s.err
}

func TestWhatBecomesOfAnEvent(t *testing.T) {
	const done = connectors.Class(-1)
	for _, c := range []struct {
		name               string
		load, begin, reply error
		begun, called      bool
		class              connectors.Class
	}{
		{name: "taken", begun: true, called: true, class: done},
		{name: "what it told of was erased", load: fmt.Errorf("event: %w", timeline.ErrNotFound), class: done},
		{name: "the store is down", load: errors.New("disk full"), class: connectors.Transient},
		{name: "the attempt cannot be recorded", begin: outbox.ErrLost, begun: true, class: connectors.Transient},
		{name: "an error without a class is tried again", reply: errors.New("reset"), begun: true, called: true, class: connectors.Transient},
		{name: "refused for good", reply: connectors.Errorf(connectors.Rejected, "400", "no"), begun: true, called: true, class: connectors.Rejected},
		{name: "slow down", reply: connectors.Errorf(connectors.Throttled, "429", "later"), begun: true, called: true, class: connectors.Throttled},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &desk{err: c.reply}
			w := &Worker{Helpdesk: d, Events: events{c.load}}
			begun := false
			res := w.Work(t.Context(), &outbox.Job{Task: outbox.TaskForward, Event: 7}, func(context.Context) error {
				begun = true
				return c.begin
			})
			if (res.Err == nil) != (c.class == done) || res.Err != nil && res.Err.Class != c.class {
				t.Errorf("error %v", res.Err)
			}
			if !res.Repeatable || begun != c.begun || (len(d.got) == 1) != c.called {
				t.Errorf("repeatable %t, begun %t, called for %v", res.Repeatable, begun, d.got)
			}
		})
	}
}
