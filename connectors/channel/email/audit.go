package email

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

// auditSpans is how many gaps are asked for by one search, which bounds the
// length of the command.
const auditSpans = 100

// auditMails bounds the gaps that one comparison closes; the next goes on.
const auditMails = 5000

// planAudit lets the first comparison come some minutes after the start, each
// mailbox at a time of its own. A stream that is started again keeps the time.
func (e *Email) planAudit(mailbox string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.audits[mailbox].IsZero() {
		e.audits[mailbox] = time.Now().Add(spread(e.auditAfter))
	}
}

// spread is d, up to a half shorter.
func spread(d time.Duration) time.Duration { return d - rand.N(d/2+1) }

// audit compares the server's list with what was taken in, when it is time,
// and fetches what is missing: a mail that became visible after a later one, or
// was not given when it was asked for. It is a no-op where all is there.
func (e *Email) audit(ctx context.Context, c *imapConn, mailbox string, pos position, src channel.Source, out chan<- normalize.Batch) (position, error) {
	e.mu.Lock()
	due := e.cfg.IMAP.Reconcile > 0 && !time.Now().Before(e.audits[mailbox])
	e.mu.Unlock()
	if !due {
		return pos, nil
	}
	missing, err := c.missing(ctx, pos)
	if err != nil {
		return pos, err
	}
	for len(missing) > 0 {
		n := min(len(missing), batchMails)
		if pos, err = e.take(ctx, c, mailbox, pos, missing[:n], out); err != nil {
			return pos, err
		}
		taken := 0
		for _, uid := range missing[:n] {
			if pos.have.has(uid) {
				taken++
			}
		}
		if taken > 0 {
			e.deps.Log.Warn("the server has mails that were not taken in; fetched them now",
				"mailbox", mailbox, "mails", taken, "first_uid", missing[0])
			if counter, ok := src.(channel.GapCounter); ok {
				counter.Gaps(taken)
			}
		}
		missing = missing[n:]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.audits[mailbox] = time.Now().Add(spread(e.cfg.IMAP.Reconcile))
	return pos, nil
}

// missing returns the UIDs up to pos that the server has and we do not. Only
// the gaps are asked for: there is next to nothing in them, so the answers are
// short however large the mailbox is.
func (c *imapConn) missing(ctx context.Context, pos position) (uids []uint32, err error) {
	for gaps := range slices.Chunk(pos.have.gaps(pos.uid), auditSpans) {
		var wanted imap.UIDSet
		for _, g := range gaps {
			wanted = append(wanted, imap.UIDRange{Start: imap.UID(g.first), Stop: imap.UID(g.last)})
		}
		found, err := c.search(ctx, &imap.SearchCriteria{UID: []imap.UIDSet{wanted}})
		if err != nil {
			return nil, err
		}
		for chunk := range chunks(found, gaps[0].first-1, auditMails) {
			for _, uid := range chunk {
				if uid <= pos.uid && !pos.have.has(uid) {
					uids = append(uids, uid)
				}
			}
			if len(uids) >= auditMails || chunk[len(chunk)-1] >= pos.uid {
				break
			}
		}
		if len(uids) >= auditMails {
			break
		}
	}
	return uids, nil
}

func uidOf(in normalize.Input) uint32 {
	uid, _ := strconv.ParseUint(in.Meta["uid"], 10, 32) // written by input
	return uint32(uid)
}
