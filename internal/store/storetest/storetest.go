// Package storetest is the suite that the store passes on both engines.
package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Run runs the suite. fresh gives the url of a new, empty database, and open
// opens one.
func Run(t *testing.T, fresh func(t *testing.T) string, open func(t *testing.T, url string) *store.DB) {
	for name, f := range map[string]func(t *testing.T, h *harness){
		"Repeats": repeats, "ReusedExternalID": reusedExternalID, "Echoes": echoes, "FirstContact": firstContact,
		"FirstContactOnTwoNodes": firstContactOnTwoNodes, "Threads": threads, "GuardedThreads": guardedThreads, "Reopening": reopening, "Idle": idle,
		"Quarantine": quarantine, "QuarantineComesAgain": quarantineComesAgain, "ReplayToOther": replayToOther,
		"Edits": edits, "LeasedCursors": leasedCursors, "Replies": replies, "Colleagues": colleagues, "Idempotency": idempotency, "Receipts": receipts,
		"ReceiptLattice": receiptLattice, "SeveralRecipients": severalRecipients, "SentOn": sentOn, "RecipientLattice": recipientLattice,
		"BouncesAreRetried": bouncesAreRetried, "DelaysAreTold": delaysAreTold, "Spending": spending, "AnswerProvesDelivery": answerProvesDelivery,
		"Merges": merges, "Strangers": strangers, "MergeChains": mergeChains, "MergedMeanwhile": mergedMeanwhile, "Erasure": erasure, "ErasureOfMerges": erasureOfMerges, "ErasureRace": erasureRace, "ErasureOfWhatIsUnderWay": erasureOfWhatIsUnderWay, "OddText": oddText, "BigBody": bigBody,
		"ClockGoesBack": clockGoesBack, "EventCursor": eventCursor, "Leases": leases, "Tokens": tokens, "Accounts": accounts,
		"MediaThatCome": mediaThatCome, "MediaThatDoNotCome": mediaThatDoNotCome, "MediaOfWhatIsGone": mediaOfWhatIsGone,
		"ReceiptsThatComeEarly": receiptsThatComeEarly, "ChangesThatComeEarly": changesThatComeEarly, "EarlyBounds": earlyBounds,
		"EchoesBeforeTheirSend": echoesBeforeTheirSend, "EarlyRace": earlyRace, "AnyOrderOfReports": anyOrderOfReports, "Supplements": supplements, "NamedByReports": namedByReports, "Profiles": profiles, "OptingOut": optingOut, "QuietMessages": quietMessages, "ReplyWindows": replyWindows, "ThreadWindows": threadWindows, "WindowRace": windowRace, "AnyOrderOfSupplements": anyOrderOfSupplements,
		"Backup": backup, "Routing": routing, "History": history, "InterruptedHistory": interruptedHistory, "ForgottenHistory": forgottenHistory, "RoutingOfOld": routingOfOld, "Sweeping": sweeping, "CarvedRaws": carvedRaws, "Closing": closing, "Reading": reading, "Overview": overview, "Sessions": sessions, "Tickets": tickets, "Touching": touching,
		"Labels": labels, "Looks": looks, "Canned": canned, "LedgerSearch": ledgerSearch, "Search": search, "RoutingByLabels": routingByLabels,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, newHarness(t, fresh, open))
		})
	}
	// By itself, since it goes by the times of ids, which grow for the whole
	// process.
	t.Run("Figures", func(t *testing.T) { figures(t, newHarness(t, fresh, open)) })
}

func newHarness(t *testing.T, fresh func(t *testing.T) string, open func(t *testing.T, url string) *store.DB) *harness {
	url := fresh(t)
	h := &harness{T: t, fresh: fresh, now: start, open: func(t *testing.T) *store.DB { return open(t, url) }}
	h.db = h.open(t)
	h.register(h.db)
	return h
}

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// harness makes the calls of the tests short.
type harness struct {
	*testing.T
	fresh func(t *testing.T) string
	// open gives another handle on the same database, as another node has it.
	open func(t *testing.T) *store.DB
	db   *store.DB
	now  time.Time
	n    int
}

func (h *harness) register(db *store.DB) {
	h.Helper()
	h.must(db.RegisterAccounts(h.ctx(), []store.AccountRow{
		{Name: "support", Role: store.RoleChannel, Type: "email"},
		{Name: "sms", Role: store.RoleChannel, Type: "twilio"},
		{Name: "desk", Role: store.RoleHelpdesk, Type: "webhook", Wants: normalize.EventTypes},
	}))
}

func (h *harness) ctx() context.Context { return h.Context() }

func (h *harness) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// msg makes an inbound message whose external id is unique unless f sets it.
func (h *harness) msg(from, text string, f ...func(m *normalize.Message)) *normalize.Message {
	h.n++
	m := &normalize.Message{
		Direction: normalize.Inbound, Address: normalize.Email(from, ""), Text: text, FullText: text,
		ExternalID: fmt.Sprintf("ext-%d", h.n), SentAt: h.now, ReceivedAt: h.now,
		Parts: []normalize.Part{{Kind: normalize.PartText, Text: text}},
	}
	for _, f := range f {
		f(m)
	}
	return m
}

// entry makes an accepted input of an item; its bytes are its key.
func (h *harness) entry(key string, item normalize.Item) timeline.Entry {
	return timeline.Entry{Outcome: normalize.Accepted, Item: item, Input: timeline.Raw{
		Key: key, ContentType: "text/plain",
		Meta: map[string]string{"mailbox": "INBOX"}, ReceivedAt: h.now, Size: int64(len(key)), Digest: sha256.Sum256([]byte(key)), Data: []byte(key),
	}}
}

func (h *harness) batch(entries ...timeline.Entry) timeline.Ingest {
	return timeline.Ingest{Account: "support", Entries: entries, Now: h.now, IdleTimeout: 48 * time.Hour}
}

// take ingests entries and checks their outcomes.
func (h *harness) take(want normalize.Outcome, entries ...timeline.Entry) []timeline.Result {
	h.Helper()
	results, err := timeline.Commit(h.ctx(), h.db, h.batch(entries...))
	h.must(err)
	if len(results) != len(entries) {
		h.Fatalf("%d results for %d entries", len(results), len(entries))
	}
	for i, r := range results {
		if r.Outcome != want {
			h.Fatalf("entry %d: outcome %q (%s), want %q", i, r.Outcome, r.Reason, want)
		}
	}
	return results
}

// place ingests one message and returns it as it is read back.
func (h *harness) place(m *normalize.Message) *normalize.Message {
	h.Helper()
	r := h.take(normalize.Accepted, h.entry(m.ExternalID+m.Fingerprint, m))
	return h.message(r[0].Message)
}

func (h *harness) message(id normalize.ID) *normalize.Message {
	h.Helper()
	m, err := h.db.Message(h.ctx(), id)
	h.must(err)
	return m
}

func (h *harness) conversation(id normalize.ID) *normalize.Conversation {
	h.Helper()
	c, err := h.db.Conversation(h.ctx(), id)
	h.must(err)
	return c
}

// reply answers in a conversation, with one job for all parts.
func (h *harness) reply(c *normalize.Conversation, externalID string, texts ...string) *normalize.Message {
	h.Helper()
	r := h.answer(c, externalID, texts...)
	m, _, err := h.db.Reply(h.ctx(), r)
	h.must(err)
	return m
}

func (h *harness) answer(c *normalize.Conversation, externalID string, texts ...string) timeline.Reply {
	m := &normalize.Message{
		ConversationID: c.ID, Direction: normalize.Outbound, Channel: c.Channel, Address: c.Address,
		ExternalID: externalID, SentAt: h.now, Author: &normalize.Author{Name: "Ann"}, Text: texts[0], FullText: texts[0],
	}
	var all []int
	for i, s := range texts {
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartText, Text: s})
		all = append(all, i)
	}
	return timeline.Reply{Message: m, Jobs: [][]int{all}, Now: h.now, ExpiresAt: h.now.Add(24 * time.Hour)}
}

// events returns the types of all events.
func (h *harness) events() []normalize.EventType {
	h.Helper()
	list, err := h.db.Events(h.ctx(), 0, 0)
	h.must(err)
	types := make([]normalize.EventType, len(list))
	for i, e := range list {
		types[i] = e.Type
	}
	return types
}

func count[T comparable](list []T, x T) (n int) {
	for _, y := range list {
		if x == y {
			n++
		}
	}
	return n
}

func (h *harness) wantErr(err, want error) {
	h.Helper()
	if !errors.Is(err, want) {
		h.Fatalf("error %v, want %v", err, want)
	}
}
