package inbox_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// shopDays is how much past a shop has.
const shopDays = 14

// line is a message of a past: from a customer, or an answer to one.
type line struct {
	channel string
	who     normalize.Address
	at      time.Time
	subject string
	words   string
	answer  bool
	change  func(m *normalize.Message)
}

// types are those of the channels of a past, where they are no mailboxes.
var types = map[string]string{"whatsapp": "twilio", "sms": "twilio", "wechat": "wechat", "telegram": "telegram"}

// tell puts lines into the store, as their channels would have at their times.
func tell(t testing.TB, db *store.DB, lines []line) {
	t.Helper()
	var rows []store.AccountRow
	for _, l := range lines {
		if !slices.ContainsFunc(rows, func(r store.AccountRow) bool { return r.Name == l.channel }) {
			rows = append(rows, store.AccountRow{Name: l.channel, Role: store.RoleChannel, Type: cmp.Or(types[l.channel], "email")})
		}
	}
	if err := db.RegisterAccounts(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at.UnixMicro(), b.at.UnixMicro()) })
	for i, l := range lines {
		m := &normalize.Message{
			Direction: normalize.Inbound, Address: l.who, ExternalID: fmt.Sprintf("%s-%d-%d", l.channel, l.at.UnixMicro(), i), Subject: l.subject, Text: l.words, FullText: l.words,
			SentAt: l.at, ReceivedAt: l.at, Thread: normalize.Thread{Key: l.who.Value + l.subject}, Parts: []normalize.Part{{Kind: normalize.PartText, Text: l.words}},
		}
		if l.answer {
			m.Direction, m.Author = normalize.Outbound, &normalize.Author{Name: "Ann Fischer", Email: agent}
		}
		if l.change != nil {
			l.change(m)
		}
		_, err := timeline.Commit(t.Context(), db, timeline.Ingest{Account: l.channel, Now: l.at, IdleTimeout: 7 * 24 * time.Hour, Entries: []timeline.Entry{{
			Outcome: normalize.Accepted, Item: m, Input: timeline.Raw{
				Key: m.ExternalID, ReceivedAt: l.at, Size: int64(len(l.words)), Digest: sha256.Sum256([]byte(m.ExternalID)), Data: []byte(l.words),
			},
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// trade is what a shop's customers wrote until an hour before now, more of it
// on weekdays, answered sooner in chats than in mails.
func trade(begin, now time.Time) (lines []line) {
	random := rand.New(rand.NewPCG(7, 11)) // the same every time
	for _, c := range []struct {
		channel string
		kind    string
		perDay  int
		minutes float64 // until the answer, most of the time
	}{{"support", normalize.KindEmail, 9, 95}, {"whatsapp", normalize.KindPhone, 6, 7}, {"wechat", "wechat", 5, 12}, {"telegram", "telegram", 3, 9}, {"sms", normalize.KindPhone, 2, 25}} {
		for at := begin; at.Before(now); at = at.Add(24 * time.Hour) {
			n := c.perDay + random.IntN(c.perDay)
			if wd := at.Weekday(); wd == time.Saturday || wd == time.Sunday {
				n /= 3
			}
			for i := range n {
				asked := at.Add(time.Duration(random.Float64() * float64(24*time.Hour)))
				who := normalize.Address{Kind: c.kind, Value: fmt.Sprintf("%s%d%02d", c.channel, at.Unix(), i)}
				if c.kind == normalize.KindEmail {
					who.Value += "@mail.test"
				}
				answered := asked.Add(time.Duration(c.minutes * (0.3 + random.ExpFloat64()) * float64(time.Minute)))
				if answered.After(now.Add(-time.Hour)) {
					continue
				}
				lines = append(lines, line{channel: c.channel, who: who, at: asked, words: "When will my order arrive?"},
					line{channel: c.channel, who: who, at: answered, words: "It is on its way.", answer: true},
					line{channel: c.channel, who: who, at: answered.Add(5 * time.Minute), words: "Thank you!"},
					line{channel: c.channel, who: who, at: answered.Add(9 * time.Minute), words: "You are welcome.", answer: true})
			}
		}
	}
	return lines
}
