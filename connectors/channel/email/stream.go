package email

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sync/errgroup"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	batchMails = 100
	batchBytes = 8 << 20
	// idleAtMost is how long one IDLE may last: routers forget connections
	// that are silent for longer, and nobody is told.
	idleAtMost = 9 * time.Minute
)

// Stream reads the mailbox: everything after the cursor, however long we were
// away, then what comes. It returns when ctx ends or something breaks.
//
// The next batch is fetched while the one before is being committed, and no
// more, so that memory stays bounded by two batches.
func (e *Email) Stream(ctx context.Context, src channel.Source) error {
	g, ctx := errgroup.WithContext(ctx)
	batches := make(chan normalize.Batch)
	g.Go(func() error {
		defer close(batches)
		return e.follow(ctx, src, batches)
	})
	g.Go(func() error {
		for b := range batches {
			if err := src.Sink(ctx, b); err != nil {
				return transient(err)
			}
		}
		return nil
	})
	return g.Wait()
}

// position is how far a mailbox was read. UIDs only grow as long as the
// mailbox keeps its UIDVALIDITY (RFC 9051 section 2.3.1.1); when that changes,
// all is read again, and the store knows what it has.
type position struct{ validity, uid uint32 }

func parsePosition(s string) position {
	v, u, ok := strings.Cut(s, ":")
	validity, err1 := strconv.ParseUint(v, 10, 32)
	uid, err2 := strconv.ParseUint(u, 10, 32)
	if !ok || err1 != nil || err2 != nil {
		return position{}
	}
	return position{uint32(validity), uint32(uid)}
}

func (p position) String() string { return fmt.Sprintf("%d:%d", p.validity, p.uid) }

// follow owns the connection.
func (e *Email) follow(ctx context.Context, src channel.Source, out chan<- normalize.Batch) error {
	mailbox := e.cfg.IMAP.Mailbox
	cursor, err := src.Cursor(ctx, cursorKey(mailbox))
	if err != nil {
		return transient(err)
	}
	pos := parsePosition(cursor)
	c, err := e.dialIMAP(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	for {
		// Opened anew each time, since only that shows a changed UIDVALIDITY.
		// It also covers all that was announced so far.
		c.forget()
		data, err := c.examine(ctx, mailbox)
		if err != nil {
			return err
		}
		if data.UIDValidity != pos.validity {
			pos = position{validity: data.UIDValidity}
		}
		// Some servers do not say UIDNEXT; they are asked by a search.
		if data.UIDNext == 0 || uint32(data.UIDNext) > pos.uid+1 {
			if pos, err = e.catchUp(ctx, c, pos, out); err != nil {
				return err
			}
		}
		src.Alive()
		if err := e.wait(ctx, c); err != nil {
			return err
		}
	}
}

func cursorKey(mailbox string) string { return "imap/" + mailbox }

// wait returns when there may be news: the server said so, or it is time to
// ask. In both cases the server is heard from afterwards, so a dead
// connection is found within the interval.
func (e *Email) wait(ctx context.Context, c *imapConn) error {
	timer := time.NewTimer(min(e.cfg.IMAP.PollInterval, idleAtMost))
	defer timer.Stop()
	if !e.cfg.IMAP.Idle || !c.client.Caps().Has(imap.CapIdle) {
		select {
		case <-timer.C:
			return nil
		case <-c.client.Closed():
			return transient(errConnectionLost)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return c.idle(ctx, timer.C)
}

// catchUp fetches everything above pos, in batches.
func (e *Email) catchUp(ctx context.Context, c *imapConn, pos position, out chan<- normalize.Batch) (position, error) {
	above := imap.UIDSet{{Start: imap.UID(pos.uid + 1), Stop: 0}}
	found, err := c.search(ctx, &imap.SearchCriteria{UID: []imap.UIDSet{above}})
	if err != nil {
		return pos, err
	}
	for uids := range chunks(found, pos.uid, batchMails) {
		plan, err := c.plan(ctx, uids)
		if err != nil {
			return pos, err
		}
		for len(plan) > 0 {
			n := e.batchLength(plan)
			inputs, err := e.fetch(ctx, c, pos.validity, plan[:n])
			if err != nil {
				return pos, err
			}
			e.verifyAll(ctx, inputs)
			next := position{pos.validity, plan[n-1].uid}
			plan = plan[n:]
			if len(inputs) == 0 {
				continue // all of them gone since
			}
			b := normalize.Batch{Inputs: inputs, Cursors: []normalize.Cursor{{Key: cursorKey(e.cfg.IMAP.Mailbox), Value: next.String()}}}
			select {
			case out <- b:
			case <-ctx.Done():
				return pos, context.Cause(ctx)
			}
			pos = next
		}
		pos.uid = max(pos.uid, uids[len(uids)-1])
	}
	return pos, nil
}

// batchLength returns how many mails of the plan make the next batch.
func (e *Email) batchLength(plan []mailInfo) int {
	total := int64(0)
	for i, m := range plan {
		total += min(m.size, e.maxMail())
		if i > 0 && total > batchBytes {
			return i
		}
	}
	return len(plan)
}

// maxMail is the largest mail that is taken in: one attachment of the largest
// size as base64, and a text.
func (e *Email) maxMail() int64 { return e.deps.MaxMedia/3*4 + 1<<20 }

// chunks walks the UIDs of a set above a bound in ascending order, n at a
// time, without ever spelling out a range that a server made absurdly long.
func chunks(set imap.UIDSet, above uint32, n int) func(yield func([]uint32) bool) {
	return func(yield func([]uint32) bool) {
		var chunk []uint32
		for _, r := range sorted(set) {
			// "n:*" matches the last mail even where its UID is below n.
			for uid := max(uint64(r.Start), uint64(above)+1); uid <= uint64(r.Stop); uid++ {
				if chunk = append(chunk, uint32(uid)); len(chunk) == n {
					if !yield(chunk) {
						return
					}
					chunk = nil
				}
			}
		}
		if len(chunk) > 0 {
			yield(chunk)
		}
	}
}
