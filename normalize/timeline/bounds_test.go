package timeline_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/normalize"
)

// from makes a message of a customer.
func from(customer string, f func(m *normalize.Message)) *normalize.Message {
	m := &normalize.Message{Address: normalize.Email(customer, "")}
	f(m)
	return m
}

func TestBoundsOfAnInput(t *testing.T) {
	long := strings.Repeat("x", 5<<20)
	ann := func(f func(m *normalize.Message)) *normalize.Message { return from("ann@chat.test", f) }
	cases := []struct {
		name string
		item func() normalize.Item
		why  string // "" is accepted
	}{
		{"1,000 parts", func() normalize.Item {
			return ann(func(m *normalize.Message) { m.Parts = make([]normalize.Part, 1000) })
		}, ""},
		{"1,001 parts", func() normalize.Item {
			return ann(func(m *normalize.Message) { m.Parts = make([]normalize.Part, 1001) })
		}, "too_many_parts: 1001"},
		{"text of 4 MiB", func() normalize.Item { return ann(func(m *normalize.Message) { m.Text = long[:4<<20] }) }, ""},
		{"text of 5 MB", func() normalize.Item { return ann(func(m *normalize.Message) { m.Text = long }) }, "text_too_long"},
		{"full text", func() normalize.Item { return ann(func(m *normalize.Message) { m.FullText = long }) }, "text_too_long"},
		{"html", func() normalize.Item { return ann(func(m *normalize.Message) { m.HTML = long }) }, "text_too_long"},
		{"subject", func() normalize.Item { return ann(func(m *normalize.Message) { m.Subject = long }) }, "text_too_long"},
		{"parts together", func() normalize.Item {
			return ann(func(m *normalize.Message) { m.Parts = []normalize.Part{{Text: long[:3<<20]}, {Text: long[:3<<20]}} })
		}, "text_too_long"},
		{"edit", func() normalize.Item { return &normalize.Edit{Target: "x", Text: long} }, "text_too_long"},
		{"supplement", func() normalize.Item {
			return &normalize.Supplement{Target: "x", Part: normalize.Part{Kind: normalize.PartCall, Text: long}}
		}, "text_too_long"},
		{"supplement of nothing", func() normalize.Item { return &normalize.Supplement{Target: "x"} }, "supplement_without_kind"},
		{"supplement of nobody", func() normalize.Item {
			return &normalize.Supplement{Part: normalize.Part{Kind: normalize.PartCall}}
		}, "supplement_without_target"},
		{"reference of a medium", func() normalize.Item {
			return ann(func(m *normalize.Message) {
				m.Parts = []normalize.Part{{Kind: normalize.PartImage, Media: &normalize.Media{Ref: long}}}
			})
		}, "ref_too_long"},
		{"recipients", func() normalize.Item {
			return ann(func(m *normalize.Message) { m.Thread.Cc = make([]normalize.Address, 1001) })
		}, "too_many_recipients"},
		{"references", func() normalize.Item {
			return ann(func(m *normalize.Message) { m.Thread.References = make([]string, 1001) })
		}, "too_many_references"},
		{"receipts", func() normalize.Item { return make(normalize.Receipts, 10_001) }, "too_many_receipts"},
		{"address", func() normalize.Item { return from(long[:1001], func(*normalize.Message) {}) }, "address_too_long"},
		{"no number", func() normalize.Item {
			return ann(func(m *normalize.Message) {
				m.Parts = []normalize.Part{{Kind: normalize.PartLocation, Location: &normalize.Location{Latitude: math.NaN()}}}
			})
		}, "bad_location"},
		{"reply window of the year 10000", func() normalize.Item {
			return ann(func(m *normalize.Message) {
				m.ReplyWindow = &normalize.ReplyWindow{Until: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
			})
		}, "bad_reply_window"},
	}
	engines(t, func(t *testing.T, r *rig) {
		for _, c := range cases {
			row := r.takeBy(decoder{item: c.item()}, batch(wire{ID: c.name, From: "ann@chat.test"}))[0]
			if c.why == "" {
				if row.Outcome != normalize.Accepted || row.Message == 0 {
					t.Errorf("%s: %+v", c.name, row)
				}
				continue
			}
			if row.Outcome != normalize.Quarantined || !strings.HasPrefix(row.Reason, c.why) {
				t.Errorf("%s: %+v", c.name, row)
				continue
			}
			if m := r.message(row.Message); !strings.HasPrefix(m.Unreadable, c.why) {
				t.Errorf("%s: stub %+v", c.name, m)
			}
		}
	})
}

func TestTimesThatCannotBe(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		good := r.now.Add(-time.Hour)
		for name, c := range map[string]struct{ sent, received, wantSent, wantReceived time.Time }{
			"good":           {good, r.now, good, r.now},
			"far future":     {time.Date(99999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(99999, 1, 1, 0, 0, 0, 0, time.UTC), r.now, r.now},
			"next month":     {r.now.Add(30 * 24 * time.Hour), r.now, r.now, r.now},
			"before e-mail":  {time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), r.now, r.now},
			"none":           {time.Time{}, time.Time{}, r.now, r.now},
			"elsewhere":      {good.In(time.FixedZone("", 7*3600)), r.now, good, r.now},
			"found long ago": {good.Add(-240 * time.Hour), good.Add(-239 * time.Hour), good.Add(-240 * time.Hour), good.Add(-239 * time.Hour)},
		} {
			b := batch(wire{ID: name})
			b.Inputs[0].ReceivedAt = c.received
			row := r.takeBy(decoder{item: from("ann@chat.test", func(m *normalize.Message) { m.ExternalID, m.SentAt = name, c.sent })}, b)[0]
			m := r.message(row.Message)
			if !m.SentAt.Equal(c.wantSent) || !m.ReceivedAt.Equal(c.wantReceived) || !row.ReceivedAt.Equal(c.wantReceived) {
				t.Errorf("%s: sent %v, received %v, in the ledger %v", name, m.SentAt, m.ReceivedAt, row.ReceivedAt)
			}
		}
	})
}

// Whatever stands in a field, it can be stored, shown and sent on, and no name
// can turn around what is written after it.
func TestOddCharacters(t *testing.T) {
	const odd = "a\x00b\xffc\u202ed"
	engines(t, func(t *testing.T, r *rig) {
		addr := normalize.Address{Kind: odd, Value: odd + "@chat.test", Name: odd}
		m := &normalize.Message{
			Address: addr, ExternalID: odd, Subject: odd, Text: odd, FullText: odd + odd, HTML: odd,
			Author: &normalize.Author{Name: odd, Email: odd},
			Thread: normalize.Thread{ID: odd, Key: odd, ReplyTo: odd, References: []string{odd}, To: []normalize.Address{addr, {Kind: "email", Value: "\x00"}}, Cc: []normalize.Address{addr}},
			Parts: []normalize.Part{
				{Kind: normalize.PartFile, Text: odd, HTML: odd, Media: &normalize.Media{Name: odd, ContentType: odd, ContentID: odd, Data: []byte(odd)}},
				{Kind: normalize.PartLocation, Location: &normalize.Location{Latitude: 1, Longitude: 2, Name: odd, Address: odd}},
				{Kind: normalize.PartContact, Contact: &normalize.Contact{Name: odd, Addresses: []normalize.Address{addr}}},
				{Kind: normalize.PartCall, Call: &normalize.Call{State: normalize.CallState(odd)}},
				{Kind: normalize.PartEvent, Event: odd},
			},
		}
		b := batch(wire{ID: odd})
		b.Inputs[0].Key, b.Inputs[0].ContentType, b.Inputs[0].Meta = odd, odd, map[string]string{odd: odd}
		row := r.takeBy(decoder{item: m}, b)[0]
		if row.Outcome != normalize.Accepted || row.Key != "ab\uFFFDcd" {
			t.Fatalf("%+v", row)
		}
		for _, item := range []normalize.Item{
			&normalize.Reaction{Target: odd, From: addr, Emoji: odd},
			normalize.Receipts{{ExternalID: odd, Recipient: addr, Status: normalize.StatusRead, Code: odd, Detail: odd}},
			&normalize.Ignored{Reason: odd},
			&normalize.Edit{Target: odd, Text: odd, HTML: odd},
		} {
			r.takeBy(decoder{item: item}, batch(wire{ID: odd}))
		}
		got := r.message(row.Message)
		if len(got.Reactions) != 1 || got.EditedAt.IsZero() {
			t.Errorf("what refers to an odd id did not find it: %+v", got)
		}
		if len(got.Thread.To) != 1 || got.Thread.To[0].Value != "ab\uFFFDcd@chat.test" {
			t.Errorf("recipients %+v", got.Thread.To)
		}
		words := []*string{&got.Text, &got.FullText, &got.HTML, &got.Parts[0].Text, &got.Parts[0].HTML}
		for _, s := range words {
			if !utf8.ValidString(*s) || strings.Contains(*s, "\x00") {
				t.Errorf("text %q", *s)
			}
			*s = ""
		}
		shown, err := json.Marshal(got)
		r.must(err)
		for _, c := range []string{`\u0000`, "\u202e", `\u202e`} {
			if strings.Contains(string(shown), c) {
				t.Errorf("%q is in %s", c, shown)
			}
		}
	})
}

// Long ids that begin alike are not the same, and are found again.
func TestLongIDs(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		head := strings.Repeat("i", 2000)
		rows := r.take(batch(wire{ID: head + "1", From: "ann@chat.test", Text: "one", Separate: true},
			wire{ID: head + "2", From: "ann@chat.test", Text: "two", Separate: true},
			wire{ID: "answer", From: "ann@chat.test", Text: "to two", Separate: true, ReplyTo: head + "2"},
			wire{Do: "edit", ID: "edit", Target: head + "1", Text: "one, edited"}))
		for i, row := range rows {
			if row.Outcome != normalize.Accepted {
				t.Errorf("%d: %+v", i, row)
			}
		}
		if m := r.message(rows[0].Message); m.Text != "one, edited" {
			t.Errorf("the edit went elsewhere: %q", m.Text)
		}
		if got, want := r.message(rows[2].Message).ConversationID, r.message(rows[1].Message).ConversationID; got != want {
			t.Error("the answer did not find its conversation")
		}
		if row := r.take(batch(wire{ID: head + "2", From: "ann@chat.test", Text: "two", Separate: true}))[0]; row.Outcome != normalize.Duplicate || row.Message != rows[1].Message {
			t.Errorf("again: %+v", row)
		}
	})
}
