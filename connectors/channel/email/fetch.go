package email

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/deskbridge/deskbridge/normalize"
)

// headBytes is how much is kept of a mail that is not taken in whole.
const headBytes = 64 << 10

// fetchTries is how often the fetch of one mail may fail before the mailbox
// goes on without it.
const fetchTries = 3

// Why an input is refused.
const (
	refusedTooLarge  = "too_large"
	refusedNotServed = "not_served" // the server has it and does not give it
)

// metaIncomplete marks an input of which Raw is only the beginning.
const metaIncomplete = "incomplete"

var errConnectionLost = errors.New("the IMAP server closed the connection")

// mailInfo is what is known of a mail before it is fetched.
type mailInfo struct {
	uid      uint32
	size     int64
	received time.Time
}

// plan asks for the sizes and dates of the UIDs, which ascend. Those that are gone are left
// out, those that the server does not describe are planned with no size.
func (c *imapConn) plan(ctx context.Context, uids []uint32) ([]mailInfo, error) {
	var plan []mailInfo
	err := c.do(ctx, func() error {
		msgs, err := c.client.Fetch(uidSet(uids), &imap.FetchOptions{UID: true, RFC822Size: true, InternalDate: true}).Collect()
		for _, m := range msgs {
			if _, asked := slices.BinarySearch(uids, uint32(m.UID)); asked {
				plan = append(plan, mailInfo{uint32(m.UID), m.RFC822Size, m.InternalDate.UTC().Truncate(time.Microsecond)})
			}
		}
		return err
	})
	if err != nil {
		if !answered(err) {
			return nil, imapTrouble("fetch", err)
		}
	}
	have := map[uint32]bool{}
	for _, m := range plan {
		have[m.uid] = true
	}
	missing := slices.DeleteFunc(slices.Clone(uids), func(u uint32) bool { return have[u] })
	left, err := c.existing(ctx, missing)
	if err != nil {
		return nil, err
	}
	for _, uid := range left {
		plan = append(plan, mailInfo{uid: uid})
	}
	slices.SortFunc(plan, func(a, b mailInfo) int { return cmp.Compare(a.uid, b.uid) })
	return plan, nil
}

// existing returns those of the UIDs that are still in the mailbox.
func (c *imapConn) existing(ctx context.Context, uids []uint32) ([]uint32, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	set, err := c.search(ctx, &imap.SearchCriteria{UID: []imap.UIDSet{uidSet(uids)}})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(uids), func(u uint32) bool { return !set.Contains(imap.UID(u)) }), nil
}

// fetch returns the mails of a plan as inputs, in its order. What is gone in
// the meantime is left out. When a command fails, its mails are asked for one
// by one, after a reconnect if need be, until each one's tries are used up: so
// one mail that breaks the server does not hold up those behind it.
func (e *Email) fetch(ctx context.Context, c *imapConn, box folder, plan []mailInfo) ([]normalize.Input, error) {
	raws := map[uint32][]byte{}
	var together, single []mailInfo
	for _, m := range plan {
		switch {
		case m.size == 0 || m.size > e.maxMail() || e.tries(box, m.uid) > 0:
			single = append(single, m)
		default:
			together = append(together, m)
		}
	}
	if len(together) > 0 {
		if err := c.bodies(ctx, together, e.maxMail(), raws); err != nil && !answered(err) {
			e.blame(ctx, box, together, raws)
			return nil, imapTrouble("fetch", err)
		}
		for _, m := range together {
			if raws[m.uid] == nil {
				single = append(single, m)
			}
		}
	}
	refused := map[uint32]string{}
	for _, m := range single {
		why, err := e.fetchOne(ctx, c, box, m, raws)
		if err != nil {
			return nil, err
		}
		refused[m.uid] = why
	}
	var inputs []normalize.Input
	for _, m := range plan {
		raw, ok := raws[m.uid]
		why := refused[m.uid]
		if int64(len(raw)) > e.maxMail() { // the server said less than it sent
			raw, why = slices.Clone(raw[:headBytes]), refusedTooLarge
		}
		if ok || why != "" {
			if why != refusedNotServed {
				e.forgive(box, m.uid)
			}
			inputs = append(inputs, e.input(box, m, raw, why))
		}
	}
	return inputs, nil
}

// fetchOne fetches a mail by itself, and returns the reason where it is taken
// in without its whole content, or neither content nor reason when it is gone.
func (e *Email) fetchOne(ctx context.Context, c *imapConn, box folder, m mailInfo, raws map[uint32][]byte) (string, error) {
	limit, why := e.maxMail(), ""
	if m.size > limit {
		limit, why = headBytes, refusedTooLarge
	}
	switch tries := e.tries(box, m.uid); {
	case tries > fetchTries: // even its head costs us the connection
		return refusedNotServed, nil
	case tries == fetchTries:
		if err := c.bodies(ctx, []mailInfo{m}, headBytes, raws); err != nil && !answered(err) {
			e.blame(ctx, box, []mailInfo{m}, nil)
			return "", imapTrouble("fetch", err)
		}
		return refusedNotServed, nil
	}
	err := c.bodies(ctx, []mailInfo{m}, limit, raws)
	if raws[m.uid] != nil {
		return why, nil
	}
	if err == nil || answered(err) {
		left, serr := c.existing(ctx, []uint32{m.uid})
		if serr != nil || len(left) == 0 {
			return "", serr
		}
	}
	e.blame(ctx, box, []mailInfo{m}, nil)
	if err == nil {
		err = fmt.Errorf("the server lists mail %d and does not give it", m.uid)
	}
	return "", imapTrouble("fetch", err)
}

// bodies fetches mails into raws, at most limit bytes of each where that is
// below the limit for whole mails. Every mail that comes gets the time again.
func (c *imapConn) bodies(ctx context.Context, mails []mailInfo, limit int64, raws map[uint32][]byte) error {
	section := &imap.FetchItemBodySection{Peek: true}
	if limit <= headBytes {
		section.Partial = &imap.SectionPartial{Offset: 0, Size: limit}
	}
	wanted := make([]uint32, len(mails))
	for i, m := range mails {
		wanted[i] = m.uid
	}
	return c.conn.Stalling(ctx, c.limits.stall, func(progress func()) error {
		cmd := c.client.Fetch(uidSet(wanted), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}})
		for {
			msg := cmd.Next()
			if msg == nil {
				return cmd.Close()
			}
			progress()
			if err := readMail(msg, limit, wanted, raws, progress); err != nil {
				// Broken off within a mail. The command must not be touched
				// again: the client already reads on, and closing the command
				// would read beside it.
				return err
			}
		}
	})
}

// readMail reads one answer to a FETCH. It reads one byte more than allowed,
// so that the caller sees when a mail is larger than announced.
func readMail(msg *imapclient.FetchMessageData, limit int64, wanted []uint32, raws map[uint32][]byte, progress func()) error {
	var uid uint32
	var raw []byte
	for {
		switch item := msg.Next().(type) {
		case nil:
			if raw != nil && slices.Contains(wanted, uid) {
				raws[uid] = raw
			}
			return nil
		case imapclient.FetchItemDataUID:
			uid = uint32(item.UID)
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil {
				continue
			}
			buf, err := readLiteral(item.Literal, limit, progress)
			if err != nil {
				return err
			}
			raw = buf
		}
	}
}

// readLiteral reads up to limit+1 bytes.
func readLiteral(r imap.LiteralReader, limit int64, progress func()) ([]byte, error) {
	buf := make([]byte, 0, min(r.Size(), limit)+1)
	for int64(len(buf)) <= limit {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, 512)
		}
		n, err := r.Read(buf[len(buf):min(cap(buf), int(limit)+1)])
		buf = buf[:len(buf)+n]
		progress()
		switch {
		case errors.Is(err, io.EOF) && int64(len(buf)) < r.Size():
			return nil, errConnectionLost
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, err
		}
	}
	return buf, nil
}

func (e *Email) input(box folder, m mailInfo, raw []byte, refused string) normalize.Input {
	if m.received.IsZero() || m.received.Year() < 1970 {
		m.received = e.deps.Clock.Now()
	}
	uid, v := strconv.FormatUint(uint64(m.uid), 10), strconv.FormatUint(uint64(box.validity), 10)
	in := normalize.Input{
		Key: box.name + "/" + v + "/" + uid,
		Raw: raw, ContentType: "message/rfc822", ReceivedAt: m.received, Refused: refused,
		Meta: map[string]string{"mailbox": box.name, "uidvalidity": v, "uid": uid},
	}
	if refused != "" {
		in.Meta[metaIncomplete] = refused // outlives Refused, which a replay clears
	}
	return in
}
