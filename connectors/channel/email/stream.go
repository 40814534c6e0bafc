package email

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sync/errgroup"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	batchMails = 200
	batchBytes = 8 << 20
	// planMails is of how many mails the sizes are asked for at once. Their
	// UIDs must fit a command line of 8,192 octets (RFC 7162 section 4).
	planMails = 500
	// idleAtMost is how long one IDLE may last: routers forget connections
	// that are silent for longer, and nobody is told.
	idleAtMost = 9 * time.Minute
)

// Stream reads the mailboxes, each by a connection of its own: everything after
// the cursor, however long we were away, then what comes. It returns when ctx
// ends or something breaks.
//
// While a batch is being committed, the next two are prepared and one more waits
// fetched, so that no processor stands still because one batch is larger than
// another, and no more, so that memory stays bounded by four batches and one per
// mailbox.
func (e *Email) Stream(ctx context.Context, src channel.Source) error {
	work, ctx := errgroup.WithContext(ctx)
	readers, reading := errgroup.WithContext(ctx)
	batches, ready := make(chan normalize.Batch, 1), make(chan commit, 1)
	var first sync.WaitGroup
	var caught atomic.Int32
	mailboxes := e.cfg.IMAP.mailboxes()
	for _, mailbox := range mailboxes {
		first.Add(1)
		readers.Go(func() error {
			over := sync.OnceFunc(first.Done)
			catch := sync.OnceFunc(func() { caught.Add(1); over() })
			err := e.follow(reading, mailbox, src, batches, func() {
				// The account was read when all of its mailboxes were.
				if catch(); int(caught.Load()) == len(mailboxes) {
					src.Alive()
				}
			})
			over()
			// One mailbox that is gone ends the stream, and each time it is
			// started again; the others get as far as they can each time.
			first.Wait()
			return err
		})
	}
	work.Go(func() error {
		defer close(ready)
		return stageAll(ctx, src, batches, ready)
	})
	work.Go(func() error {
		for c := range ready {
			if err := c(ctx); err != nil {
				return transient(err)
			}
		}
		return nil
	})
	err := readers.Wait()
	close(batches) // what was fetched before is still committed
	notTaken := work.Wait()
	for c := range ready {
		_ = c(ctx) // it waited behind one that failed, and cleans up
	}
	return cmp.Or(notTaken, err)
}

// commit commits a batch.
type commit func(context.Context) error

// stageAll begins with each batch and hands on what commits it.
func stageAll(ctx context.Context, src channel.Source, batches <-chan normalize.Batch, ready chan<- commit) error {
	for b := range batches {
		c := stage(ctx, src, b)
		select {
		case ready <- c:
		case <-ctx.Done():
			_ = c(ctx) // cleans up
			return context.Cause(ctx)
		}
	}
	return nil
}

// stage begins to prepare a batch, as far as src can, and returns what waits for
// that and commits it.
func stage(ctx context.Context, src channel.Source, b normalize.Batch) commit {
	stager, ok := src.(channel.Stager)
	if !ok {
		return func(ctx context.Context) error {
			if err := ctx.Err(); err != nil {
				return err // the batch before it may be missing
			}
			return src.Sink(ctx, b)
		}
	}
	staged := make(chan commit, 1)
	go func() {
		c, err := stager.Stage(ctx, b)
		if err != nil {
			c = func(context.Context) error { return err }
		}
		staged <- c
	}()
	return func(ctx context.Context) error { return (<-staged)(ctx) }
}

// folder is a mailbox as long as its UIDs mean the same.
type folder struct {
	name     string
	validity uint32
}

// position is how far a mailbox was read, and which mails were taken in on the
// way. UIDs only grow as long as the mailbox keeps its UIDVALIDITY (RFC 9051
// section 2.3.1.1); when that changes, all is read again, and the store knows
// what it has.
//
// It is committed with each batch, so have is what the ledger got, without a
// look at the ledger: that would need an index entry for each mail.
type position struct {
	validity, uid uint32
	have          ranges
}

// parsePosition reads "VALIDITY:UID", where everything up to UID was taken in,
// or "VALIDITY:UID RANGES".
func parsePosition(s string) position {
	read, have, listed := strings.Cut(s, " ")
	v, u, ok := strings.Cut(read, ":")
	validity, err1 := strconv.ParseUint(v, 10, 32)
	uid, err2 := strconv.ParseUint(u, 10, 32)
	if !ok || err1 != nil || err2 != nil {
		return position{}
	}
	p := position{validity: uint32(validity), uid: uint32(uid)}
	if listed {
		p.have, listed = parseRanges(have)
	}
	if !listed && uid > 0 {
		p.have = ranges{{1, uint32(uid)}}
	}
	return p
}

func (p position) String() string {
	read := fmt.Sprintf("%d:%d", p.validity, p.uid)
	if len(p.have) == 0 || len(p.have) == 1 && p.have[0] == (span{1, p.uid}) {
		return read
	}
	return read + " " + p.have.String()
}

// follow owns the connection. It calls read each time it has read all there
// is.
func (e *Email) follow(ctx context.Context, mailbox string, src channel.Source, out chan<- normalize.Batch, read func()) error {
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
	e.planAudit(mailbox)
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
			if pos, err = e.catchUp(ctx, c, mailbox, pos, out); err != nil {
				return err
			}
		}
		read()
		if pos, err = e.audit(ctx, c, mailbox, pos, src, out); err != nil {
			return err
		}
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
func (e *Email) catchUp(ctx context.Context, c *imapConn, mailbox string, pos position, out chan<- normalize.Batch) (position, error) {
	above := imap.UIDSet{{Start: imap.UID(pos.uid + 1), Stop: 0}}
	found, err := c.search(ctx, &imap.SearchCriteria{UID: []imap.UIDSet{above}})
	if err != nil {
		return pos, err
	}
	for uids := range chunks(found, pos.uid, planMails) {
		if pos, err = e.take(ctx, c, mailbox, pos, uids, out); err != nil {
			return pos, err
		}
		pos.uid = max(pos.uid, uids[len(uids)-1])
	}
	return pos, nil
}

// take fetches the mails with these UIDs, which ascend, and hands them over.
func (e *Email) take(ctx context.Context, c *imapConn, mailbox string, pos position, uids []uint32, out chan<- normalize.Batch) (position, error) {
	plan, err := c.plan(ctx, uids)
	if err != nil {
		return pos, err
	}
	for len(plan) > 0 {
		n := e.batchLength(plan)
		inputs, err := e.fetch(ctx, c, folder{mailbox, pos.validity}, plan[:n])
		if err != nil {
			return pos, err
		}
		e.verifyAll(ctx, inputs)
		next := position{pos.validity, max(pos.uid, plan[n-1].uid), pos.have}
		plan = plan[n:]
		if len(inputs) == 0 {
			continue // all of them gone since
		}
		for _, in := range inputs {
			next.have = next.have.with(uidOf(in))
		}
		b := normalize.Batch{Inputs: inputs, Cursors: []normalize.Cursor{{Key: cursorKey(mailbox), Value: next.String()}}}
		select {
		case out <- b:
		case <-ctx.Done():
			return pos, context.Cause(ctx)
		}
		pos = next
	}
	return pos, nil
}

// batchLength returns how many mails of the plan make the next batch.
func (e *Email) batchLength(plan []mailInfo) int {
	total := int64(0)
	most := min(len(plan), batchMails)
	for i, m := range plan[:most] {
		total += min(m.size, e.maxMail())
		if i > 0 && total > batchBytes {
			return i
		}
	}
	return most
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
