package cli

import (
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

var t0 = time.Date(2026, 11, 16, 9, 14, 5, 0, time.UTC)

func id(n int) normalize.ID { return normalize.FirstID(t0) + normalize.ID(n) }

// later is id(n) of a time after t0, as the store orders by ids.
func later(n int, after time.Duration) normalize.ID {
	return normalize.FirstID(t0.Add(after)) + normalize.ID(n)
}

var (
	support = normalize.Account{Name: "support", Type: "email"}
	zhang   = normalize.Email("zhang@example.cn", "张伟")
	ana     = &normalize.Author{Name: "Ana", Email: "ana@example.com"}
)

// hostile clears the screen, retitles the window, hides a line by C1 and turns
// the direction of writing.
const hostile = "before\x1b[2J\x1b]0;owned\x07 mid\u009b31m \u202Egnp.exe\u202C after\x7f"

// sampleTimeline has what a timeline can show.
func sampleTimeline() Timeline {
	customer := &normalize.Customer{ID: id(1), Name: "张伟", Addresses: []normalize.Address{
		zhang, {Kind: "phone", Value: "+8613800000000", Name: "Zhang " + hostile},
	}}
	message := func(n int, after time.Duration, m normalize.Message) *normalize.Message {
		m.ID, m.ConversationID, m.Channel, m.Address = later(n, after), id(20), support, zhang
		m.ReceivedAt = t0.Add(after)
		if m.Direction == "" {
			m.Direction = normalize.Inbound
		}
		for i := range m.Parts {
			m.Parts[i].ID, m.Parts[i].StatusAt = id(100*n+i), m.ReceivedAt.Add(time.Minute)
		}
		return &m
	}
	file := func(name, ct string, size int64) *normalize.Media {
		return &normalize.Media{Name: name, ContentType: ct, Size: size}
	}
	return Timeline{
		Customer: customer,
		Older:    id(10),
		Ledger:   map[normalize.ID]normalize.ID{later(34, 25*time.Hour): id(60)},
		Conversations: []*normalize.Conversation{{
			ID: id(20), Subject: "订单在哪里？ 📦", State: normalize.Closed,
			OpenedAt: t0, ClosedAt: t0.Add(50 * time.Hour),
		}},
		Messages: []*normalize.Message{ // newest first
			message(37, 49*time.Hour, normalize.Message{Text: "谢谢 🙏🏽👨‍👩‍👧", Reactions: []normalize.Reaction{{From: zhang, Emoji: "👍"}}}),
			message(36, 48*time.Hour, normalize.Message{Direction: normalize.Outbound, Author: ana, Text: "Here are the papers.", Parts: []normalize.Part{
				{Kind: normalize.PartText, Text: "Here are the papers.", Status: normalize.StatusDelivered},
				{
					Kind: normalize.PartFile, Media: file("发票.pdf", "application/pdf", 1<<20+200<<10), Status: normalize.StatusFailed,
					Error: "552 5.3.4: the customer's mail server takes no message over 1 MiB" + hostile,
				},
				{Kind: normalize.PartImage, Media: file("", "image/png", 900), Status: normalize.StatusUncertain, Error: "the connection broke after the data"},
			}}),
			message(35, 26*time.Hour, normalize.Message{Direction: normalize.Outbound, Note: true, Author: ana, Text: "asked the warehouse"}),
			message(34, 25*time.Hour, normalize.Message{Unreadable: "MIME parts are nested deeper than 50", Subject: "Fwd: " + hostile}),
			message(33, 24*time.Hour, normalize.Message{
				Text: "line one\n  indented " + hostile + "\n\nline four", DeletedAt: time.Time{},
				SentAt: t0.Add(-10 * 24 * time.Hour), Automated: true,
			}),
			message(32, 10*time.Minute, normalize.Message{
				Direction: normalize.Outbound, Author: ana, Text: "Hello, your parcel left our warehouse on Friday and should be with you within three working days; here is the number: 7734-2210-99.",
				Parts: []normalize.Part{{Kind: normalize.PartText, Status: normalize.StatusRead}},
			}),
			message(31, 0, normalize.Message{
				Text:  "您好，我上周在你们的网站上订购了一台咖啡机，但是到现在还没有收到任何发货通知。请问能帮我查一下订单的状态吗？订单号是 2026-1101-778，谢谢！",
				Parts: []normalize.Part{{Kind: normalize.PartText}, {Kind: normalize.PartImage, Media: file("截图 ☕.png", "image/png", 131072)}},
			}),
		},
	}
}

// sampleLife is an answer whose second part failed.
func sampleLife() Life {
	m := sampleTimeline().Messages[1]
	m.Customer = &normalize.Customer{ID: id(1), Name: "张伟"}
	m.Subject, m.ExternalID = "Re: 订单在哪里？ 📦", "db.3600.abc@support.example.com"
	m.Thread.To = []normalize.Address{zhang, normalize.Email("boss@example.cn", "")}
	at := m.ReceivedAt
	return Life{
		Message: m, Why: "an answer in this conversation",
		Conversation: &normalize.Conversation{ID: id(20)},
		Link:         &identity.Link{Address: zhang, Evidence: "first contact", Since: t0},
		Tickets:      []Ticket{{Helpdesk: "rt", Ticket: "4711", URL: "https://rt.example.com/Ticket/Display.html?id=4711", State: normalize.Open, Entry: "90" + hostile, Outcome: "ours"}},
		Jobs: []JobLife{
			{
				Job: &outbox.Job{
					ID: id(70), Lane: outbox.Deliver, Task: outbox.TaskSend, Account: "support", State: outbox.Failed, CreatedAt: at,
					LastError: "rejected: 552 5.3.4: too large, token=hunter2",
					Settled: []outbox.SettledRecipient{
						{Address: zhang, Status: normalize.StatusFailed, Code: "552 5.3.4", Detail: "too large"},
						{Address: normalize.Email("boss@example.cn", ""), Status: normalize.StatusAccepted},
					},
				},
				AttemptList: []outbox.Attempt{
					{N: 1, StartedAt: at.Add(12 * time.Millisecond), EndedAt: at.Add(1200 * time.Millisecond), Outcome: "transient", Code: "451 4.3.0", Detail: "try again later"},
					{N: 2, StartedAt: at.Add(62 * time.Second), EndedAt: at.Add(63 * time.Second), Outcome: "rejected", Code: "552 5.3.4", Detail: "too large, token=hunter2" + hostile},
				},
			},
			{
				Job: &outbox.Job{
					ID: id(71), Lane: outbox.Forward, Task: outbox.TaskForward, Account: "desk", State: outbox.Queued, CreatedAt: at,
					DueAt: at.Add(30 * time.Hour), LastError: "transient: 502",
				},
				AttemptList: []outbox.Attempt{{N: 1, StartedAt: at.Add(time.Second), EndedAt: at.Add(11 * time.Second), Outcome: "transient", Code: "502"}},
			},
		},
		Receipts: []normalize.Receipt{{Status: normalize.StatusDelivered, Recipient: normalize.Email("boss@example.cn", ""), Code: "2.1.5", ReceivedAt: at.Add(26 * time.Hour)}},
	}
}

// sampleInput is an input that could not be read and made no message.
func sampleInput() Life {
	return Life{Ledger: &timeline.LedgerEntry{
		ID: id(60), Account: "wechat", Key: "evt/17 " + hostile, ContentType: "application/json",
		Meta: map[string]string{"x-signature": "abcdef", "mailbox": "INBOX"}, ReceivedAt: t0, RecordedAt: t0.Add(3 * time.Millisecond),
		Outcome: normalize.Quarantined, Reason: "panic: the decoder failed on this input", Size: 4300, RawKept: true,
	}}
}
