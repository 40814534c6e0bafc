package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// Replay asks for what happened from Since to Until to be forwarded to a
// helpdesk that has not been told.
type Replay struct {
	Helpdesk     string
	Since, Until time.Time
	// Expire is how long it is tried.
	Expire time.Duration
	// DryRun counts and changes nothing.
	DryRun bool
	// By is who asks.
	By string
	// Progress, where set, is called now and then.
	Progress func(Replayed)
}

// Replayed is how far a replay has come.
type Replayed struct {
	At       time.Time `json:"at"`       // all until then is looked at
	Queued   int       `json:"queued"`   // events to be forwarded
	Made     int       `json:"made"`     // of these, made of messages whose events are no longer kept
	Known    int       `json:"known"`    // the helpdesk was told of already
	NotTold  int       `json:"not_told"` // it does not want, or its rule does not take
	StillOff string    `json:"still_paused,omitempty"`
}

const (
	replayReason = "history is being loaded; run the replay again if it was interrupted"
	replayPage   = 500
	// commitSlack is how much later than its message an event may be.
	commitSlack = time.Hour
)

// replay is one under way.
type replay struct {
	Replay
	Replayed
	db      *DB
	id      int64
	until   normalize.ID
	now     time.Time
	noted   map[normalize.ID]bool // messages and conversations near kept's beginning, whose events are kept
	opened  map[normalize.ID]bool // conversations whose beginning was made
	again   map[normalize.ID]bool // conversations that an earlier run has made events of
	open    bool                  // there is no end but what was committed at the beginning
	fromIDs normalize.ID
}

// Replay queues history for a helpdesk, in the order in which it happened. The
// helpdesk is paused meanwhile, so that what happens now waits behind what
// happened before; it stays paused where the replay is interrupted, and running
// it again completes it. What the helpdesk has a job for, in whatever state, is
// not queued again.
func (db *DB) Replay(ctx context.Context, ask Replay) (Replayed, error) {
	r := &replay{Replay: ask, db: db, noted: map[normalize.ID]bool{}, opened: map[normalize.ID]bool{}, again: map[normalize.ID]bool{}}
	release, err := r.begin(ctx)
	if err != nil {
		return r.Replayed, err
	}
	if err := r.run(ctx); err != nil {
		return r.Replayed, err
	}
	if release {
		return r.Replayed, db.Resume(ctx, r.Helpdesk, time.Now())
	}
	return r.Replayed, nil
}

// begin finds the helpdesk and pauses it, and reports whether it is to be
// released at the end.
func (r *replay) begin(ctx context.Context) (release bool, err error) {
	list, err := r.db.Accounts(ctx)
	if err != nil {
		return false, err
	}
	var desk *Account
	for i, a := range list {
		if a.Name == r.Helpdesk && a.Role == RoleHelpdesk && a.Enabled {
			desk = &list[i]
		}
	}
	if desk == nil {
		return false, fmt.Errorf("no helpdesk %q is known: configure it and let the daemon take that up first", r.Helpdesk)
	}
	r.id = desk.ID
	if !r.DryRun {
		switch {
		case desk.PausedAt.IsZero():
			if err := r.db.Pause(ctx, r.Helpdesk, r.By, replayReason, time.Now()); err != nil {
				return false, err
			}
			release = true
		case desk.PausedWhy == replayReason:
			release = true
		default:
			r.StillOff = desk.PausedWhy
		}
	}
	r.now = time.Now()
	if r.Until.IsZero() || r.Until.After(r.now) {
		r.Until = r.now
		r.open = true
	}
	r.fromIDs, r.until = normalize.FirstID(r.Since), normalize.FirstID(r.Until)
	return release, nil
}

func (r *replay) run(ctx context.Context) error {
	kept, err := r.look(ctx)
	if err != nil {
		return err
	}
	for _, phase := range []struct {
		from, until normalize.ID
		page        func(s session, from, until normalize.ID) (list []past, last normalize.ID, err error)
	}{
		{r.fromIDs, min(kept, r.until), r.messages},
		{max(kept, r.fromIDs), r.until, r.events},
	} {
		for from := phase.from; from < phase.until; {
			var list []past
			var last normalize.ID
			err := r.db.read(ctx, func(s session) (err error) {
				list, last, err = phase.page(s, from, phase.until)
				return err
			})
			if err != nil {
				return err
			}
			if err := r.queue(ctx, list); err != nil {
				return err
			}
			if last == 0 {
				break
			}
			from, r.At = last+1, last.Time()
			if r.Progress != nil {
				r.Progress(r.Replayed)
			}
		}
	}
	r.At = r.Until
	return nil
}

// look reads where the kept events begin, and what the first of them are about.
func (r *replay) look(ctx context.Context) (kept normalize.ID, err error) {
	err = r.db.read(ctx, func(s session) error {
		if _, err := one(s, `SELECT coalesce(min(id), 0) FROM events`, nil, &kept); err != nil {
			return err
		}
		if r.open { // ids can be ahead of a clock that stepped back
			for _, table := range []string{"events", "messages"} {
				var last normalize.ID
				if _, err := one(s, `SELECT coalesce(max(id), 0) FROM `+table, nil, &last); err != nil {
					return err
				}
				r.until = max(r.until, last+1)
			}
		}
		if kept == 0 {
			kept = r.until
		}
		return s.query(`SELECT ref_id FROM events WHERE id < $1 AND type IN ('message.received', 'message.sent', 'conversation.opened')`,
			args(normalize.FirstID(kept.Time().Add(commitSlack))), func(row row) error {
				var id normalize.ID
				err := row.scan(&id)
				r.noted[id] = true
				return err
			})
	})
	return kept, err
}

// events returns a page of kept events.
func (r *replay) events(s session, from, until normalize.ID) (list []past, last normalize.ID, err error) {
	err = s.query(fmt.Sprintf(`SELECT id, type, conversation_id, ref_id FROM events WHERE id >= $1 AND id < $2 ORDER BY id LIMIT %d`, replayPage),
		args(from, until), func(row row) error {
			var p past
			var ref normalize.ID
			err := row.scan(&p.event, &p.typ, &p.conversation, &ref)
			p.at, last = p.event, p.event
			if isOfMessage(p.typ) {
				p.message = ref
			}
			list = append(list, p)
			return err
		})
	return list, last, err
}

// messages returns what a page of messages tells, whose events are not kept:
// also that their conversations began, and ended since. What the helpdesk was
// told of its conversation before counts as told.
func (r *replay) messages(s session, from, until normalize.ID) (list []past, last normalize.ID, err error) {
	var page []past
	var skip []bool
	err = s.query(fmt.Sprintf(`SELECT id, conversation_id, flags FROM messages WHERE id >= $1 AND id < $2 ORDER BY id LIMIT %d`, replayPage),
		args(from, until), func(row row) error {
			var p past
			var flags int64
			err := row.scan(&p.message, &p.conversation, &flags)
			p.event, p.at, p.typ, last = p.message, p.message, messageType(flags), p.message
			p.made = true
			page, skip = append(page, p), append(skip, flags&(flagErased|flagEcho) != 0)
			return err
		})
	if err != nil {
		return nil, 0, err
	}
	asked := make([][]any, len(page))
	for i, p := range page {
		asked[i] = args(p.conversation, r.id)
	}
	ends := make([]time.Time, len(page))
	err = s.each(`SELECT c.closed_at, coalesce(q.id, 0) FROM conversations c
		LEFT JOIN queues q ON q.account_id = $2 AND q.conversation_id = c.id WHERE c.id = $1`, asked, func(i int, row row) error {
		var queue normalize.ID
		err := row.scan(&ends[i], &queue)
		page[i].before = queue != 0 && queue.Time().Before(page[i].message.Time().Add(commitSlack))
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	for i, p := range page {
		if skip[i] || r.noted[p.message] {
			continue
		}
		if !r.opened[p.conversation] {
			r.opened[p.conversation] = true
			if !r.noted[p.conversation] {
				begun := min(p.conversation, p.message) - (nodeBits + 1)
				list = append(list, past{event: p.conversation, typ: normalize.ConversationOpened, conversation: p.conversation, at: begun, made: true, before: p.before})
			}
			if end := ends[i]; !end.IsZero() && normalize.FirstID(end) < until {
				at, err := endAt(s, p.conversation, end)
				if err != nil {
					return nil, 0, err
				}
				list = append(list, past{
					event: endOf(p.conversation), typ: normalize.ConversationClosed, conversation: p.conversation,
					at: at, made: true, before: p.before,
				})
			}
		}
		list = append(list, p)
	}
	return list, last, nil
}

// endAt is where the end of a conversation stands: behind all that was said in
// it, whatever another node's clock made of the times.
func endAt(s session, conversation normalize.ID, end time.Time) (normalize.ID, error) {
	var last normalize.ID
	_, err := one(s, `SELECT m.id FROM conversations c JOIN messages m ON m.owner_id = c.address_id AND m.conversation_id = c.id
		WHERE c.id = $1 ORDER BY m.id DESC LIMIT 1`, args(conversation), &last)
	return max(normalize.FirstID(end), normalize.FirstID(last.Time().Add(time.Microsecond))) | conversation&nodeBits, err
}

// queue makes the jobs of a page in one commit.
func (r *replay) queue(ctx context.Context, list []past) error {
	if len(list) == 0 {
		return nil
	}
	done, err := commit(ctx, r.db, func(t tx) (Replayed, error) {
		out, err := r.apply(t, list)
		if err == nil && r.DryRun {
			err = dryRun{out}
		}
		return out, err
	})
	if dry, ok := errors.AsType[dryRun](err); ok {
		done, err = dry.Replayed, nil
	}
	if err == nil {
		done.At, done.StillOff = r.At, r.StillOff
		r.Replayed = done
	}
	return err
}

// dryRun rolls back what was done to find out what would be.
type dryRun struct{ Replayed }

func (dryRun) Error() string { return "a dry run" }

// apply returns the counts with those of the page.
func (r *replay) apply(t tx, list []past) (Replayed, error) {
	out := r.Replayed
	if lock := r.db.eng.dialect().eventLock; lock != "" {
		t.exec(lock)
	}
	set, err := r.db.accounts.get(t)
	if err != nil {
		return out, err
	}
	desk, ok := set.helpdesk(r.id)
	if !ok {
		return out, refuse(errNoAccount(r.Helpdesk))
	}
	conversations := map[normalize.ID]bool{}
	for _, p := range list {
		conversations[p.conversation] = true
	}
	routes, err := r.db.routesOf(t, set, conversations)
	if err != nil {
		return out, err
	}
	told, err := r.told(t, list)
	if err != nil {
		return out, err
	}
	var jobs []past
	var ids []normalize.ID
	queues := map[queueOf]time.Time{}
	for _, p := range list {
		if !desk.wants[p.typ] || !routes.lead(desk, p.conversation) {
			out.NotTold++
			continue
		}
		id, known, err := freeJob(t, p, desk.id)
		if err != nil {
			return out, err
		}
		if known && p.made {
			r.again[p.conversation] = true
		}
		if known || told[p.event] || p.before && !r.again[p.conversation] {
			out.Known++
			continue
		}
		out.Queued++
		if p.made {
			out.Made++
		}
		jobs, ids = append(jobs, p), append(ids, id)
		queues[queueOf{desk.id, p.conversation}] = r.now
	}
	touchQueues(t, outbox.Forward, queues)
	for i, p := range jobs {
		t.exec(`INSERT INTO jobs (id, queue_id, task, event_id, message_id, state, due_at, expires_at)
			SELECT $1, id, $2, $3, $4, $5, $6, $7 FROM queues WHERE account_id = $8 AND conversation_id = $9`,
			ids[i], outbox.TaskForward, p.event, p.message, outbox.Queued, r.now, r.now.Add(r.Expire), desk.id, p.conversation)
	}
	return out, nil
}

// jobSlack is how far the id of a job may lie from that of its event, which
// are made in one transaction.
const jobSlack = time.Minute

// told returns the kept events of a page for which the helpdesk has a job.
func (r *replay) told(t tx, list []past) (map[normalize.ID]bool, error) {
	told := map[normalize.ID]bool{}
	first, last := list[0].event, list[len(list)-1].event
	if list[0].made {
		return told, nil // freeJob finds them
	}
	err := t.query(`SELECT j.event_id FROM jobs j JOIN queues q ON q.id = j.queue_id
		WHERE j.id >= $1 AND j.id < $2 AND q.account_id = $3 AND j.event_id <> 0`,
		args(normalize.FirstID(first.Time().Add(-jobSlack)), normalize.FirstID(last.Time().Add(jobSlack)), r.id), func(row row) error {
			var id normalize.ID
			err := row.scan(&id)
			told[id] = true
			return err
		})
	return told, err
}

// freeJob returns the id for the job of a past event, and whether there is one
// already. Where another job has the id, made on another node in the same
// microsecond, it is the next one that is free.
func freeJob(t tx, p past, account int64) (id normalize.ID, known bool, err error) {
	for id = p.jobFor(account); ; id++ {
		var event normalize.ID
		var of int64
		taken, err := one(t, `SELECT j.event_id, q.account_id FROM jobs j JOIN queues q ON q.id = j.queue_id WHERE j.id = $1`, args(id), &event, &of)
		if err != nil || !taken || event == p.event && of == account {
			return id, taken, err
		}
	}
}
