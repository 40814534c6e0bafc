package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// event is something that happened, by reference: what it looks like is found
// out when somebody reads it.
type event struct {
	typ          normalize.EventType
	conversation normalize.ID // 0 where it belongs to none
	// ref is the message, the conversation, the merge or the address that it
	// is about.
	ref normalize.ID
	// detail is what cannot be looked up later, as JSON: a
	// *normalize.StatusChange, OptOutEvent or AccountEvent. Nil for none.
	detail any
	at     time.Time
}

// queueOf names a queue by what it is for.
type queueOf struct {
	account      int64
	conversation normalize.ID
}

// numberEvents writes the events of a transaction with the jobs that carry
// them to the helpdesks. It is the last thing in the transaction: from the
// lock on, nobody else numbers events until we have committed, so that their
// order is that of the commits.
func (db *DB) numberEvents(t *writeTx) error {
	if len(t.events) == 0 {
		return nil
	}
	accounts, err := db.accounts.get(t)
	if err != nil {
		return err
	}
	if lock := db.eng.dialect().eventLock; lock != "" {
		t.exec(lock)
	}
	conversations := map[normalize.ID]bool{}
	for _, e := range t.events {
		conversations[e.conversation] = true
	}
	routes, err := db.routesOf(t, accounts, conversations)
	if err != nil {
		return err
	}
	type job struct {
		queue   queueOf
		event   normalize.ID
		message normalize.ID // so that all work on a message is found
		at      time.Time
	}
	var jobs []job
	queues := map[queueOf]time.Time{}
	for _, e := range t.events {
		detail := ""
		if e.detail != nil {
			b, err := json.Marshal(e.detail)
			if err != nil {
				return fmt.Errorf("event %s: %w", e.typ, err)
			}
			detail = string(b)
		}
		id := normalize.NewID(e.at)
		var message normalize.ID
		if isOfMessage(e.typ) {
			message = e.ref
		}
		t.insert(putEvent, id, e.typ, e.conversation, e.ref, detail)
		for _, h := range accounts.helpdesks {
			if !h.wants[e.typ] || !routes.lead(h, e.conversation) {
				continue
			}
			q := queueOf{h.id, e.conversation}
			if at, ok := queues[q]; !ok || e.at.Before(at) {
				queues[q] = e.at
			}
			jobs = append(jobs, job{q, id, message, e.at})
		}
	}
	touchQueues(t, outbox.Forward, queues)
	for _, j := range jobs {
		t.insert(putJob, normalize.NewID(j.at), outbox.TaskForward, j.event, j.message, outbox.Queued, j.at, j.queue.account, j.queue.conversation)
	}
	return nil
}

// isOfMessage reports whether an event is about a message.
func isOfMessage(t normalize.EventType) bool { return strings.HasPrefix(string(t), "message.") }

// touchQueues makes sure that queues of a lane exist and that those which are empty come
// due at the given time. A queue that is not empty keeps its time: its head
// may be waiting for another try. The order spares two nodes a deadlock.
func touchQueues(t tx, lane outbox.Lane, queues map[queueOf]time.Time) {
	order := make([]queueOf, 0, len(queues))
	for q := range queues {
		order = append(order, q)
	}
	slices.SortFunc(order, func(a, b queueOf) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.conversation, b.conversation))
	})
	for _, q := range order {
		t.insert(putQueue, normalize.NewID(queues[q]), q.account, q.conversation, lane, queues[q])
	}
	if len(order) > 0 {
		t.wake()
	}
}
