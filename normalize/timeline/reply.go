package timeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// Answer is what an agent asks to be sent.
type Answer struct {
	// Conversation to answer in; zero to write to a customer first, which
	// starts or continues a conversation by Channel and To.
	Conversation normalize.ID
	// Channel is the account to send by; empty for the conversation's own.
	Channel string
	// To is needed without a Conversation, or where Channel is another one
	// than the conversation's and the customer has several addresses for it.
	// In a conversation it has to be an address of the customer.
	To      string
	Subject string
	Text    string
	// HTML shows an image of Attachments by the address "cid:" and its id.
	HTML        string
	Attachments []normalize.ID // media
	Author      *normalize.Author
	// Note is for agents only and is not sent.
	Note bool
	// IdempotencyKey: the same key with the same Hash is one message.
	IdempotencyKey string
	Hash           [32]byte
}

// Refused is an answer that could not be delivered and was not accepted.
type Refused struct {
	// Reason is a fixed name: empty, no_channel, no_address, unreachable,
	// opted_out, not_sent, window_closed, too_large, unsupported, not_sendable, not_found,
	// too_many.
	Reason string
	// Detail says in plain words what is wrong and what to do.
	Detail string
}

func (r *Refused) Error() string { return r.Reason + ": " + r.Detail }

// Refuse returns a *Refused.
func Refuse(reason, format string, args ...any) *Refused {
	return &Refused{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// Outlets are the accounts that can carry an answer.
type Outlets interface {
	// Outlet returns the account, or false where there is none of that name.
	Outlet(name string) (Outlet, bool)
}

// Outlet is an account as the timeline sees it.
type Outlet interface {
	Account() normalize.Account
	// Address returns the address that a person typed, in the channel's form.
	Address(typed string) normalize.Address
	// Plan completes an outgoing message and cuts its parts into the requests
	// that carry them, as indexes into m.Parts. It may replace m.Parts. A
	// message that cannot be sent is a *Refused.
	Plan(ctx context.Context, m, repliedTo *normalize.Message) (Plan, error)
	// Typing shows the customer that somebody is writing, where it can.
	Typing(ctx context.Context, t normalize.Thread, to normalize.Address) error
	// Recall takes back one part of a message; a *Refused where it cannot.
	Recall(ctx context.Context, m *normalize.Message, p SentPart) error
	// PerPeerHour is how many messages to one address within an hour no person
	// would write; 0 is any number.
	PerPeerHour() int
}

// Plan is how a channel is going to carry a message.
type Plan struct {
	// Jobs are the requests, as indexes into Message.Parts.
	Jobs [][]int
	// Segments of SMS that its text takes; 0 where the channel has none.
	Segments int
	// Anytime: the channel carries it though the reply window has closed.
	Anytime bool
}

// Desk takes the agents' answers.
type Desk struct {
	Store   Store
	Outlets Outlets
	Now     func() time.Time
	// Expire is how long an answer may wait for its delivery.
	Expire time.Duration
	// MaxPerPeerHour is how many messages an account may send to one address
	// within an hour; 0 is any number, less what the channel says.
	MaxPerPeerHour int
}

// Reply commits an answer with the work of delivering it. An answer that
// cannot be delivered is refused now rather than failing later. The same
// IdempotencyKey again gives the first message and repeated=true.
func (d *Desk) Reply(ctx context.Context, a Answer) (m *normalize.Message, repeated bool, err error) {
	// Before anything is refused: what was accepted once stays accepted.
	if a.IdempotencyKey != "" {
		if first, err := d.Store.Answered(ctx, a.IdempotencyKey, a.Hash); err != nil || first != nil {
			return first, first != nil, err
		}
	}
	now := d.Now()
	m, p, err := d.plan(ctx, a, now)
	if err != nil {
		return nil, false, err
	}
	for i := range m.Parts {
		m.Parts[i].ID = normalize.NewID(now)
		m.Parts[i].Status, m.Parts[i].StatusAt = normalize.StatusQueued, now
	}
	return d.Store.Reply(ctx, Reply{
		Message: m, Jobs: p.Jobs, Anytime: p.Anytime, IdempotencyKey: a.IdempotencyKey, RequestHash: a.Hash, ExpiresAt: now.Add(d.Expire), Now: now,
	})
}

// Preview is what would become of an answer.
type Preview struct {
	// Parts as they would go out, with what the channel cannot carry replaced
	// and their notices.
	Parts []normalize.Part `json:"parts" nullable:"false"`
	// Requests to the vendor, each of which counts against the reply window.
	Requests int `json:"requests"`
	// Segments of SMS; absent where the channel has none.
	Segments int `json:"segments,omitempty"`
}

// Preview tells what Reply would do with an answer, and refuses what it would
// refuse. Nothing is kept.
func (d *Desk) Preview(ctx context.Context, a Answer) (*Preview, error) {
	m, p, err := d.plan(ctx, a, d.Now())
	if err != nil {
		return nil, err
	}
	return &Preview{Parts: m.Parts, Requests: len(p.Jobs), Segments: p.Segments}, nil
}

// plan builds the message that an answer becomes, and how it is going to be
// carried; not at all where it is a note.
func (d *Desk) plan(ctx context.Context, a Answer, now time.Time) (m *normalize.Message, p Plan, err error) {
	m, last, err := d.draft(ctx, a, now)
	if err != nil || a.Note {
		return m, p, err
	}
	outlet, ok := d.Outlets.Outlet(m.Channel.Name)
	if !ok {
		return nil, p, Refuse("no_channel", "there is no channel named %q, or it is not enabled", m.Channel.Name)
	}
	m.Channel = outlet.Account()
	if m.Address.IsZero() {
		m.Address = outlet.Address(a.To)
	}
	if m.Address.IsZero() {
		return nil, p, Refuse("no_address", "%q is not an address of channel %q", a.To, m.Channel.Name)
	}
	if p, err = outlet.Plan(ctx, m, last); err != nil {
		return nil, p, err
	}
	if len(m.Parts) > maxParts {
		return nil, p, Refuse("too_large", "channel %q would cut the text into %d pieces; at most %d are sent", m.Channel.Name, len(m.Parts), maxParts)
	}
	if err := d.reachable(ctx, m); err != nil {
		return nil, p, err
	}
	if err := d.open(ctx, m, p, now); err != nil {
		return nil, p, err
	}
	return m, p, d.govern(ctx, m, outlet, now)
}

// draft builds the message but for what the channel adds.
func (d *Desk) draft(ctx context.Context, a Answer, now time.Time) (m, last *normalize.Message, err error) {
	m = &normalize.Message{
		ID: normalize.NewID(now), ConversationID: a.Conversation, Direction: normalize.Outbound,
		Channel: normalize.Account{Name: a.Channel}, Author: scrubAuthor(a.Author), Note: a.Note,
		Subject: text.Truncate(a.Subject, maxSubject), SentAt: now, ReceivedAt: now,
	}
	if a.Conversation != 0 {
		c, err := d.Store.Conversation(ctx, a.Conversation)
		if err != nil {
			return nil, nil, fmt.Errorf("conversation %s: %w", a.Conversation, err)
		}
		if err := d.aim(m, c, a); err != nil {
			return nil, nil, err
		}
		if last, err = d.Store.LastInbound(ctx, a.Conversation); err != nil {
			return nil, nil, fmt.Errorf("last message of conversation %s: %w", a.Conversation, err)
		}
		if last != nil && last.Channel.Name != m.Channel.Name {
			last = nil // another channel knows nothing of that thread
		}
		if m.Subject == "" && last == nil {
			m.Subject = c.Subject // else the channel takes it from the message replied to
		}
	}
	if err := d.fill(ctx, m, a); err != nil {
		return nil, nil, err
	}
	return m, last, nil
}

// aim chooses the account and the address of an answer in a conversation.
func (d *Desk) aim(m *normalize.Message, c *normalize.Conversation, a Answer) error {
	own := a.Channel == "" || a.Channel == c.Channel.Name
	if own {
		m.Channel, m.Address = c.Channel, c.Address
	}
	if a.Note || own && a.To == "" {
		m.Channel, m.Address = c.Channel, c.Address
		return nil
	}
	outlet, ok := d.Outlets.Outlet(m.Channel.Name)
	if !ok {
		return Refuse("no_channel", "there is no channel named %q, or it is not enabled", m.Channel.Name)
	}
	to := outlet.Address(a.To)
	if own {
		if !to.Is(c.Address) {
			return Refuse("no_address", "this conversation is with %s: to write to %q, begin another one", c.Address.Value, a.To)
		}
		return nil
	}
	var found []normalize.Address
	for _, addr := range c.Customer.Addresses {
		if outlet.Address(addr.Value).Is(addr) && (a.To == "" || to.Is(addr)) {
			found = append(found, addr)
		}
	}
	switch {
	case len(found) == 1:
		m.Address = found[0]
		return nil
	case a.To != "":
		return Refuse("no_address", "%q is not known as an address of this customer on channel %q", a.To, a.Channel)
	case len(found) == 0:
		return Refuse("no_address", "this customer has no known address on channel %q", a.Channel)
	default:
		return Refuse("no_address", "this customer has %d addresses on channel %q: name one of them", len(found), a.Channel)
	}
}

// reachable refuses what would go to nobody but addresses that are known to be
// dead or to have opted out.
func (d *Desk) reachable(ctx context.Context, m *normalize.Message) error {
	to := slices.Concat(m.Thread.To, m.Thread.Cc)
	if len(to) == 0 {
		to = []normalize.Address{m.Address}
	}
	var why *Refused
	for _, addr := range to {
		var err error
		if why, err = d.Store.Unreachable(ctx, addr); err != nil {
			return fmt.Errorf("address %s: %w", addr.Value, err)
		}
		if why == nil {
			return nil
		}
	}
	return why
}

// fill writes the words and the attachments.
func (d *Desk) fill(ctx context.Context, m *normalize.Message, a Answer) error {
	m.Text = clean(a.Text)
	shown := map[normalize.ID]bool{} // by the HTML, where it stands
	if a.HTML != "" {
		m.HTML = text.SanitizeHTML(a.HTML, func(cid string) (string, bool) {
			id, err := normalize.ParseID(cid)
			if err != nil || !slices.Contains(a.Attachments, id) {
				return "", false
			}
			shown[id] = true
			return "cid:" + contentID(id), true
		})
		if m.Text == "" {
			m.Text = clean(text.FromHTML(m.HTML))
		}
	}
	if len(m.Text) > maxText || len(m.HTML) > maxText {
		return Refuse("too_large", "the text is longer than %d bytes", maxText)
	}
	m.FullText = m.Text
	if m.Text != "" {
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartText, Text: m.Text, HTML: m.HTML})
	}
	if len(m.Parts)+len(a.Attachments) > maxParts {
		return Refuse("too_large", "a message has at most %d parts", maxParts)
	}
	for _, id := range a.Attachments {
		media, err := d.Store.Media(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return Refuse("not_found", "attachment %s does not exist: upload it first", id)
		} else if errors.Is(err, ErrPending) || errors.Is(err, ErrNoMedia) {
			return Refuse("not_found", "attachment %s is not here: %s", id, err)
		} else if err != nil {
			return fmt.Errorf("attachment %s: %w", id, err)
		}
		if shown[id] {
			media.ContentID = contentID(id)
		}
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.KindOf(media.ContentType), Media: media})
	}
	if len(m.Parts) == 0 {
		return Refuse("empty", "a message needs a text or an attachment")
	}
	return nil
}

// contentID names an uploaded image within the HTML that shows it. A
// Content-ID is written like a Message-ID (RFC 2392).
func contentID(upload normalize.ID) string { return upload.String() + "@deskbridge" }
