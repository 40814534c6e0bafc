package email

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// gapInbox counts gaps beside.
type gapInbox struct {
	inbox
	gaps int
}

func (b *gapInbox) Gaps(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gaps += n
}

func (b *gapInbox) found() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gaps
}

func (b *gapInbox) cursor(mailbox string) position {
	b.mu.Lock()
	defer b.mu.Unlock()
	return parsePosition(b.cursors[cursorKey(mailbox)])
}

func run(t *testing.T, e *Email, b *gapInbox, what string, until func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Stream(ctx, b) }()
	defer func() { cancel(); <-done }()
	eventually(t, what, until)
}

// TestGapsAreFoundAndClosed: mails that an earlier run did not take in, though
// later ones were.
func TestGapsAreFoundAndClosed(t *testing.T) {
	imap := testenv.Dovecot(t)
	imap.AddUsers(secret, desk)
	noLeaks(t)
	for i := range 300 {
		imap.Deliver(desk, "INBOX", letter(anna, fmt.Sprintf("%d@customers.test", i), fmt.Sprint("Mail ", i)))
	}
	b := &gapInbox{}
	b.cursors = map[string]string{}
	c := realConfig(imap, nil, tlsImplicit)
	run(t, open(t, c), b, "all is read", func() bool { return b.count() == 300 && b.rounds() > 0 })
	pos := b.cursor("INBOX")
	if fmt.Sprint(pos.have) != "1:300" {
		t.Fatalf("after all was read: %v", pos)
	}
	// As if 3 and 100 to 299 had become visible late, and 40 is gone by now.
	b.cursors[cursorKey("INBOX")] = fmt.Sprintf("%d:300 1:2,4:39,41:99,300", pos.validity)
	c.IMAP.PollInterval = time.Second
	e := open(t, c)
	e.auditAfter = time.Millisecond
	run(t, e, b, "the gaps are closed", func() bool { return b.count() == 300+1+1+200 })
	if b.found() != 202 || fmt.Sprint(b.cursor("INBOX").have) != "1:300" {
		t.Errorf("%d gaps counted, now at %v", b.found(), b.cursor("INBOX"))
	}
	late := decodeMessage(t, e, b.all()[300].Raw)
	if in := b.all()[300]; in.Meta["uid"] != "3" || late.Subject != "Mail 2" || in.Key != b.all()[2].Key {
		t.Errorf("%+v is not known to be the same as %s", in.Meta, b.all()[2].Key)
	}
	// Nothing is missing any more, and an account that wants none has none.
	e.mu.Lock()
	if next := time.Until(e.audits["INBOX"]); next < 11*time.Hour {
		t.Errorf("the next comparison comes in %v", next)
	}
	e.mu.Unlock()
	b.cursors[cursorKey("INBOX")] = fmt.Sprintf("%d:300 1:2,4:300", pos.validity)
	c.IMAP.Reconcile = 0
	e = open(t, c)
	e.auditAfter = time.Millisecond
	rounds := b.rounds()
	run(t, e, b, "two rounds", func() bool { return b.rounds() > rounds+2 })
	if b.found() != 202 {
		t.Error("compared although switched off")
	}
}

func TestSeveralMailboxes(t *testing.T) {
	imap := testenv.Dovecot(t)
	imap.AddUsers(secret, desk)
	noLeaks(t)
	for i := range 150 {
		imap.Deliver(desk, []string{"INBOX", "Junk"}[i%2], letter(anna, fmt.Sprintf("%d@customers.test", i), fmt.Sprint("Mail ", i)))
	}
	c := realConfig(imap, nil, tlsImplicit)
	c.IMAP.Mailbox, c.IMAP.Mailboxes, c.IMAP.PollInterval = "", []string{"INBOX", "Junk"}, time.Hour
	b := &gapInbox{}
	late := []string{"Junk", "INBOX"}
	run(t, open(t, c), b, "both are read, and both announce", func() bool {
		if b.count() == 152-len(late) && len(late) > 0 {
			imap.Deliver(desk, late[0], letter(anna, late[0]+"@customers.test", "Late"))
			late = late[1:]
		}
		return b.count() == 152
	})
	keys := map[string]bool{}
	for _, in := range b.all() {
		keys[in.Key] = true
	}
	if len(keys) != b.count() || b.cursor("INBOX").uid < 75 || b.cursor("Junk").uid < 75 {
		t.Errorf("%d keys of %d inputs, at %v and %v", len(keys), b.count(), b.cursor("INBOX"), b.cursor("Junk"))
	}

	c.IMAP.Mailboxes = []string{"Nowhere", "Junk"}
	b = &gapInbox{}
	e := open(t, c)
	if _, err := e.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "Nowhere") {
		t.Errorf("a mailbox that is not there: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := e.Stream(ctx, b); err == nil || ctx.Err() != nil || b.count() != 76 || b.rounds() > 0 {
		t.Errorf("%d mails of the other mailbox beside one that is gone: %v", b.count(), err)
	}
}

func TestRanges(t *testing.T) {
	var r ranges
	model := map[uint32]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		uid := 1 + random.Uint32N(600)
		r, model[uid] = r.with(uid), true
		again, ok := parseRanges(r.String())
		if !ok || !slices.Equal(again, r) {
			t.Fatalf("%s is read as %v", r, again)
		}
	}
	inGap := map[uint32]bool{}
	for _, g := range r.gaps(600) {
		for uid := g.first; uid <= g.last; uid++ {
			inGap[uid] = true
		}
	}
	for uid := uint32(1); uid <= 600; uid++ {
		if r.has(uid) != model[uid] || inGap[uid] == model[uid] {
			t.Fatalf("%d: has %v, in a gap %v, want %v", uid, r.has(uid), inGap[uid], model[uid])
		}
	}
	r = nil
	for uid := uint32(10); uid < 10+4*maxSpans; uid += 2 {
		r = r.with(uid)
	}
	if len(r) != maxSpans || !r.has(1) || r.has(9+4*maxSpans) {
		t.Errorf("%d spans from %v", len(r), r[0])
	}
	for _, top := range []uint32{1<<32 - 2, 1<<32 - 1} {
		r = r.with(top)
	}
	if !r.has(1<<32-1) || len(r.gaps(1<<32-1)) != maxSpans-1 {
		t.Errorf("the largest UIDs: %v", r[len(r)-1])
	}
}

func TestPositionsOfOlderVersionsAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"7:12": "7:12", "7:12 1:12": "7:12", "7:12 3:5,9": "7:12 3:5,9", "": "0:0", "x": "0:0", "7": "0:0",
		"7:12 5:3": "7:12", "7:12 nonsense": "7:12", "7:0": "7:0",
	} {
		if got := parsePosition(text).String(); got != want {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
	}
}
