package timeline_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
	"github.com/deskbridge/deskbridge/outbox/deliver"
)

// testChannel is a channel as far as Plan needs one.
type testChannel struct {
	decoder
	prefix string // of the external ids that are ours to choose
	domain string // of the addresses that it knows
	limits channel.Limits
	no     error // from Prepare
}

func (*testChannel) Probe(context.Context) (normalize.Address, error) {
	return normalize.Address{}, nil
}
func (*testChannel) Close(context.Context) error { return nil }
func (c *testChannel) Limits(context.Context, normalize.Thread) (channel.Limits, error) {
	l := c.limits
	if l.Kinds == nil {
		l.Kinds = map[normalize.PartKind]channel.MediaLimit{normalize.PartText: {}, normalize.PartImage: {Bytes: 10}}
	}
	return l, nil
}

func (*testChannel) Send(context.Context, *channel.Outbound) (channel.Sent, error) {
	return channel.Sent{}, errors.New("nothing is sent in these tests")
}

func (c *testChannel) Prepare(m, _ *normalize.Message) error {
	if c.prefix != "" {
		m.ExternalID = c.prefix + m.ID.String()
	}
	return c.no
}

func (c *testChannel) Address(typed string) (normalize.Address, error) {
	if !strings.HasSuffix(typed, c.domain) || !strings.Contains(typed, "@") {
		return normalize.Address{}, errors.New("an address here ends with " + c.domain)
	}
	return normalize.Email(typed, ""), nil
}

// mute is a channel that only receives.
type mute struct{ channel.Channel }

type outlets map[string]outlet

type outlet struct {
	name string
	c    *testChannel
	as   channel.Channel
	now  func() time.Time
}

func (o outlets) Outlet(name string) (timeline.Outlet, bool) {
	out, ok := o[name]
	return out, ok
}

func (o outlet) Account() normalize.Account { return normalize.Account{Name: o.name, Type: "test"} }

func (o outlet) Address(typed string) normalize.Address {
	a, err := o.c.Address(typed)
	if err != nil {
		return normalize.Address{}
	}
	return a
}

func (o outlet) Plan(ctx context.Context, m, last *normalize.Message) (timeline.Plan, error) {
	return deliver.Plan(ctx, o.as, m, last, timeline.Links{}, o.now())
}

func (o outlet) Typing(ctx context.Context, t normalize.Thread, to normalize.Address) error {
	return deliver.Typing(ctx, o.as, t, to)
}

func (o outlet) Recall(ctx context.Context, m *normalize.Message, p timeline.SentPart) error {
	return deliver.Recall(ctx, o.as, m, p)
}

func (outlet) PerPeerHour() int { return 4 }

// desk takes answers for channels.
func (r *rig) desk(channels map[string]*testChannel) *timeline.Desk {
	o := outlets{}
	for name, c := range channels {
		o[name] = outlet{name: name, c: c, as: c, now: r.Now}
	}
	return &timeline.Desk{Store: r.db, Outlets: o, Now: func() time.Time { return r.now }, Expire: time.Hour}
}

// ask lets a customer write and returns the conversation.
func (r *rig) ask(from string) *normalize.Conversation {
	r.t.Helper()
	row := r.take(batch(wire{ID: "question of " + from, From: from, Text: "question"}))[0]
	c, err := r.db.Conversation(r.t.Context(), r.message(row.Message).ConversationID)
	r.must(err)
	return c
}

// askWithin lets a customer write who may be answered within a window.
func (r *rig) askWithin(from string, w normalize.ReplyWindow) *normalize.Conversation {
	r.t.Helper()
	m := &normalize.Message{ExternalID: "question of " + from, Address: normalize.Email(from, ""), Text: "question", ReplyWindow: &w}
	row := r.takeBy(decoder{item: m}, batch(wire{ID: m.ExternalID}))[0]
	c, err := r.db.Conversation(r.t.Context(), r.message(row.Message).ConversationID)
	r.must(err)
	return c
}

func (r *rig) jobs(message normalize.ID) []*outbox.Job {
	r.t.Helper()
	list, err := r.db.JobsOf(r.t.Context(), message)
	r.must(err)
	return slices.DeleteFunc(list, func(j *outbox.Job) bool { return j.Task != outbox.TaskSend })
}

func (r *rig) upload(name, contentType string, size int64) normalize.ID {
	r.t.Helper()
	f, err := r.db.PutMedia(r.t.Context(), normalize.Media{Name: name, ContentType: contentType, Size: size, SHA256: strings.Repeat("0", 64)}, r.now)
	r.must(err)
	return f.ID
}

// What could not be delivered is refused at once, with a name for programs and
// words for people, and leaves nothing behind.
func TestAnswersAreRefusedWhenGiven(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		ann := r.ask("ann@chat.test")
		dead := r.ask("dead@chat.test")
		gone := normalize.Receipts{{ExternalID: "ours", Status: normalize.StatusFailed, Recipient: dead.Address, Unreachable: true, Detail: "no such user"}}
		over := r.askWithin("over@chat.test", normalize.ReplyWindow{Until: r.now.Add(-time.Minute), Remaining: -1})
		none := r.askWithin("none@chat.test", normalize.ReplyWindow{Until: r.now.Add(time.Hour)})
		five := r.askWithin("five@chat.test", normalize.ReplyWindow{Until: r.now.Add(time.Hour), Remaining: 5})
		stop := &normalize.Message{ExternalID: "stop", Address: normalize.Email("stop@chat.test", ""), Text: "STOP", Consent: normalize.OptedOut}
		out := r.message(r.takeBy(decoder{item: stop}, batch(wire{ID: "stop"}))[0].Message)
		file := r.upload("cv.pdf", "application/pdf", 5)
		image, small := r.upload("big.png", "image/png", 11), r.upload("small.png", "image/png", 5)
		down := connectors.Errorf(connectors.AccountDown, "401", "the token was revoked")

		for _, c := range []struct {
			name    string
			channel testChannel
			answer  timeline.Answer
			mute    bool
			reason  string
			words   string
		}{
			{name: "nothing", reason: "empty", words: "needs a text or an attachment"},
			{name: "only a script", answer: timeline.Answer{HTML: "<script>alert(1)</script>"}, reason: "empty"},
			{name: "unknown channel", answer: timeline.Answer{Text: "x", Channel: "fax"}, reason: "no_channel", words: `"fax"`},
			{name: "unknown channel, with an address", answer: timeline.Answer{Text: "x", Channel: "fax", To: "ann@chat.test"}, reason: "no_channel"},
			{name: "no address on the channel", answer: timeline.Answer{Text: "x", Channel: "sms"}, reason: "no_address", words: "no known address"},
			{name: "a stranger's address", answer: timeline.Answer{Text: "x", Channel: "sms", To: "bob@sms.test"}, reason: "no_address", words: "bob@sms.test"},
			{name: "another address than the conversation's", answer: timeline.Answer{Text: "x", To: "bob@chat.test"}, reason: "no_address", words: "ann@chat.test"},
			{name: "unknown attachment", answer: timeline.Answer{Text: "x", Attachments: []normalize.ID{4711}}, reason: "not_found", words: "upload it first"},
			{name: "too many attachments", answer: timeline.Answer{Attachments: make([]normalize.ID, 1001)}, reason: "too_large"},
			{name: "long text", answer: timeline.Answer{Text: strings.Repeat("x", 4<<20+1)}, reason: "too_large"},
			{name: "thousands of pieces", channel: testChannel{limits: channel.Limits{TextRunes: 10}}, answer: timeline.Answer{Text: strings.Repeat("word ", 3000)}, reason: "too_large", words: "pieces"},
			{name: "large file", answer: timeline.Answer{Attachments: []normalize.ID{image}}, reason: "too_large", words: "big.png"},
			{name: "kind of file", answer: timeline.Answer{Attachments: []normalize.ID{file}}, reason: "unsupported", words: "file"},
			{name: "receives only", mute: true, answer: timeline.Answer{Text: "x"}, reason: "not_sendable"},
			{name: "window over", answer: timeline.Answer{Text: "x", Conversation: over.ID}, reason: "window_closed", words: "until the customer writes again"},
			{name: "no answers left", answer: timeline.Answer{Text: "x", Conversation: none.ID}, reason: "window_closed", words: "no further answer"},
			{name: "more pieces than answers left", channel: testChannel{limits: channel.Limits{TextRunes: 10}}, answer: timeline.Answer{Text: strings.Repeat("tenletters", 6), Conversation: five.ID}, reason: "window_closed", words: "takes 6 messages and the vendor allows 5"},
			{name: "a template carries no file", channel: testChannel{limits: channel.Limits{Template: true}}, answer: timeline.Answer{Attachments: []normalize.ID{small}, Conversation: over.ID}, reason: "window_closed"},
			{name: "the channel knows that it is opted out", channel: testChannel{no: connectors.Errorf(connectors.Unreachable, "", "opted out")}, answer: timeline.Answer{Text: "x"}, reason: "unreachable", words: "opted out"},
			{name: "the channel cannot", channel: testChannel{no: connectors.Errorf(connectors.Unsupported, "", "no first message")}, answer: timeline.Answer{Text: "x"}, reason: "unsupported"},
			{name: "opted out", answer: timeline.Answer{Text: "x", Conversation: out.ConversationID}, reason: "opted_out", words: "until the customer opts in"},
			{name: "dead address", answer: timeline.Answer{Text: "x", Conversation: dead.ID}, reason: "unreachable", words: "no such user"},
			{name: "first message to no address", answer: timeline.Answer{Text: "x", Channel: "chat", To: "no address", Conversation: -1}, reason: "no_address", words: "no address"},
			{name: "first message on no channel", answer: timeline.Answer{Text: "x", Channel: "fax", To: "ann@chat.test", Conversation: -1}, reason: "no_channel"},
			// Not the agent's fault: an error that is no refusal.
			{name: "account down", channel: testChannel{no: down}, answer: timeline.Answer{Text: "x"}, words: "revoked"},
			{name: "unknown conversation", answer: timeline.Answer{Text: "x", Conversation: 4711}, words: "not found"},
		} {
			c.channel.domain, c.channel.prefix = "@chat.test", "ours "
			desk := r.desk(map[string]*testChannel{"chat": &c.channel, "sms": {domain: "@sms.test"}})
			if c.mute {
				desk.Outlets = outlets{"chat": {name: "chat", c: &c.channel, as: mute{}, now: r.Now}}
			}
			switch c.answer.Conversation {
			case 0:
				c.answer.Conversation = ann.ID
			case -1:
				c.answer.Conversation = 0
			case dead.ID:
				m, _, err := desk.Reply(t.Context(), c.answer)
				r.must(err)
				gone[0].ExternalID = m.ExternalID
				r.takeBy(decoder{item: gone}, batch(wire{ID: "bounce"}))
			}
			before := r.events(normalize.MessageSent)
			m, _, err := desk.Reply(t.Context(), c.answer)
			if m != nil || err == nil {
				t.Errorf("%s: accepted", c.name)
				continue
			}
			refused, ok := errors.AsType[*timeline.Refused](err)
			if ok != (c.reason != "") || ok && (refused.Reason != c.reason || refused.Detail == "") || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%s: %v", c.name, err)
			}
			if p, told := desk.Preview(t.Context(), c.answer); p != nil || told == nil || told.Error() != err.Error() {
				t.Errorf("%s: the preview says %v, %v", c.name, p, told)
			}
			if r.events(normalize.MessageSent) != before {
				t.Errorf("%s: something was committed", c.name)
			}
		}
	})
}

// The same request is the same message, though the window has closed since, or
// the channel is gone; another request under its key is a conflict.
func TestRepeatedRequests(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		ch := &testChannel{prefix: "ours "}
		r.now = r.now.Add(-72 * time.Hour) // ids never step back, also not for other tests
		desk := r.desk(map[string]*testChannel{"chat": ch})
		a := timeline.Answer{Conversation: r.askWithin("ann@chat.test", normalize.ReplyWindow{Until: r.now.Add(time.Hour), Remaining: -1}).ID, Text: "once", IdempotencyKey: "k", Hash: sha256.Sum256([]byte("once"))}
		first, repeated, err := desk.Reply(t.Context(), a)
		if err != nil || repeated {
			t.Fatal(repeated, err)
		}
		r.now = r.now.Add(2 * time.Hour) // the window has closed
		for _, d := range []*timeline.Desk{desk, r.desk(nil)} {
			m, repeated, err := d.Reply(t.Context(), a)
			if err != nil || !repeated || m.ID != first.ID {
				t.Errorf("again: %v, %v, %v", m, repeated, err)
			}
		}
		other := a
		other.Hash = sha256.Sum256([]byte("other"))
		if _, _, err := desk.Reply(t.Context(), other); !errors.Is(err, timeline.ErrConflict) {
			t.Errorf("another request under the key: %v", err)
		}
		a.Conversation = r.ask("bob@chat.test").ID
		a.IdempotencyKey = "at once"
		ids := make([]normalize.ID, crowd)
		all(func(i int) {
			m, _, err := desk.Reply(t.Context(), a)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = m.ID
		})
		slices.Sort(ids)
		if n := len(slices.Compact(ids)); n != 1 || ids[0] == first.ID {
			t.Errorf("%d messages of one request", n)
		}
		if n := r.events(normalize.MessageSent); n != 2 {
			t.Errorf("%d messages in all", n)
		}
	})
}

func TestAnswerOnAnotherChannel(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		desk := r.desk(map[string]*testChannel{"chat": {domain: "@chat.test"}, "sms": {domain: "@sms.test"}})
		c := r.ask("ann@chat.test")
		a := timeline.Answer{Conversation: c.ID, Text: "by sms", Channel: "sms"}
		merge := func(from string) {
			other := r.ask(from)
			r.merge(other.Customer.ID, c.Customer.ID)
		}
		merge("ann1@sms.test")
		m, _, err := desk.Reply(t.Context(), a)
		r.must(err)
		if m.Address.Value != "ann1@sms.test" || m.Channel.Name != "sms" || m.ConversationID != c.ID || m.Customer.ID != c.Customer.ID {
			t.Errorf("to her only address there: %+v", m)
		}
		merge("ann2@sms.test")
		refused, ok := errors.AsType[*timeline.Refused](errorOf(desk.Reply(t.Context(), a)))
		if !ok || refused.Reason != "no_address" || !strings.Contains(refused.Detail, "2 addresses") {
			t.Errorf("with two addresses: %v", refused)
		}
		a.To = "Ann2@sms.test"
		m, _, err = desk.Reply(t.Context(), a)
		r.must(err)
		if m.Address.Value != "ann2@sms.test" {
			t.Errorf("to the one that was named: %+v", m)
		}
	})
}

func errorOf(_ *normalize.Message, _ bool, err error) error { return err }

func TestAnswersAsTheyAreStored(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		desk := r.desk(map[string]*testChannel{"chat": {limits: channel.Limits{HTML: true}}})
		c := r.ask("ann@chat.test")

		note, _, err := desk.Reply(t.Context(), timeline.Answer{
			Conversation: c.ID, Text: "for us\x00 only", Note: true, Channel: "no such channel",
			Author: &normalize.Author{Name: "Eve \u202e<moc.tset>", Email: "eve@example.test"},
		})
		r.must(err)
		if !note.Note || note.Text != "for us only" || len(r.jobs(note.ID)) != 0 || note.Author.Name != "Eve <moc.tset>" {
			t.Errorf("note: %+v, jobs %v", note, r.jobs(note.ID))
		}
		if jobs, err := r.db.Claim(t.Context(), outbox.Deliver, "chat", r.now.Add(time.Minute), time.Minute, 10); err != nil || len(jobs) != 0 {
			t.Errorf("a note can be claimed: %v, %v", jobs, err)
		}

		rich, _, err := desk.Reply(t.Context(), timeline.Answer{Conversation: c.ID, HTML: `<p onclick="x()">Hello <b>Ann</b></p><script>x()</script>`})
		r.must(err)
		if rich.Text != "Hello Ann" || !strings.Contains(rich.HTML, "<b>Ann</b>") || strings.Contains(rich.HTML, "x()") || len(r.jobs(rich.ID)) != 1 {
			t.Errorf("html only: %+v", rich)
		}

		if _, err := r.db.SetConversation(t.Context(), c.ID, normalize.Closed, r.now); err != nil {
			t.Fatal(err)
		}
		if _, _, err := desk.Reply(t.Context(), timeline.Answer{Conversation: c.ID, Text: "one more thing"}); err != nil {
			t.Fatal(err)
		}
		if now, err := r.db.Conversation(t.Context(), c.ID); err != nil || now.State != normalize.Open {
			t.Errorf("an answer left its conversation closed: %+v, %v", now, err)
		}
	})
}

// The preview of an answer shows what then goes out, and keeps nothing.
func TestPreview(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		ch := &testChannel{limits: channel.Limits{TextRunes: 20, Segments: true}}
		desk := r.desk(map[string]*testChannel{"chat": ch})
		a := timeline.Answer{Conversation: r.ask("ann@chat.test").ID, Text: "one line of words and 一 another"}
		p, err := desk.Preview(t.Context(), a)
		r.must(err)
		if len(p.Parts) != 2 || p.Requests != 2 || p.Segments != 2 || r.events(normalize.MessageSent) != 0 {
			t.Errorf("%+v, %d sent", p, r.events(normalize.MessageSent))
		}
		m, _, err := desk.Reply(t.Context(), a)
		r.must(err)
		for i, part := range m.Parts {
			if part.Text != p.Parts[i].Text {
				t.Errorf("part %d is %q, the preview said %q", i, part.Text, p.Parts[i].Text)
			}
		}
	})
}
