package webhook

import (
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// samples are events with every field that a backend may meet.
func samples() map[string]*normalize.Event {
	id := func(n int64) normalize.ID { return normalize.FirstID(now) + normalize.ID(n) }
	ann := normalize.Email("ann@example.com", "Ann <3")
	customer := &normalize.Customer{ID: id(1), Name: "Ann", Addresses: []normalize.Address{ann, {Kind: "phone", Value: "+15550100"}}}
	account := normalize.Account{Name: "support", Type: "email"}
	message := &normalize.Message{
		ID: id(2), ConversationID: id(3), Customer: customer, Direction: normalize.Inbound, Channel: account, Address: ann,
		ExternalID: "m1@example.com", Subject: "Größe & Farbe", SentAt: now.Add(-time.Minute), ReceivedAt: now,
		Thread: normalize.Thread{ReplyTo: "m0@example.com", References: []string{"m0@example.com"}, To: []normalize.Address{ann}},
		Text:   "Do you have it in blue?\n\U0001f499", FullText: "Do you have it in blue?\n\U0001f499\n> quoted", HTML: "<p>Do you have it in blue?</p>",
		Parts: []normalize.Part{
			{ID: id(4), Kind: normalize.PartText, Text: "Do you have it in blue?\n\U0001f499", Status: normalize.StatusReceived},
			{ID: id(5), Kind: normalize.PartImage, Status: normalize.StatusReceived, Media: &normalize.Media{
				ID: id(6), Name: "blue.png",
				ContentType: "image/png", Size: 4711, SHA256: "private",
			}},
		},
		ReplyWindow: &normalize.ReplyWindow{Until: now.Add(24 * time.Hour), Remaining: -1}, RawAvailable: true,
	}
	answer := &normalize.Message{
		ID: id(7), ConversationID: id(3), Customer: customer, Direction: normalize.Outbound, Channel: account, Address: ann,
		ReceivedAt: now, Text: "Yes.", FullText: "Yes.", Author: &normalize.Author{Name: "Bob", Email: "bob@example.com"},
		Parts: []normalize.Part{{ID: id(8), Kind: normalize.PartText, Text: "Yes.", Status: normalize.StatusFailed, StatusAt: now, Error: "no such mailbox"}},
	}
	conversation := &normalize.Conversation{
		ID: id(3), Customer: customer, Channel: account, Address: ann, Subject: "Größe & Farbe",
		State: normalize.Open, OpenedAt: now, LastActivityAt: now,
	}
	event := func(t normalize.EventType, data any) *normalize.Event {
		return &normalize.Event{ID: id(9), Type: t, Timestamp: now, Data: data, Seq: 12, Conversation: id(3)}
	}
	return map[string]*normalize.Event{
		"message.received": event(normalize.MessageReceived, &normalize.MessageEvent{Message: message}),
		"message.status": event(normalize.MessageStatus, &normalize.MessageEvent{
			Message: answer,
			Change:  &normalize.StatusChange{PartID: id(8), Status: normalize.StatusFailed, Recipient: &ann, Code: "5.1.1", Detail: "no such mailbox", At: now},
		}),
		"conversation.opened": event(normalize.ConversationOpened, conversation),
		"customer.merged":     event(normalize.CustomerMerged, &normalize.MergeEvent{MergeID: id(10), From: id(11), Into: id(1), Reason: "same person", Author: "bob"}),
		"customer.opted_out":  event(normalize.CustomerOptedOut, &normalize.OptOutEvent{Customer: customer, Address: ann, Reason: "STOP"}),
		"account.state":       event(normalize.AccountState, &normalize.AccountEvent{Account: account, State: "down", Reason: "login refused"}),
	}
}
