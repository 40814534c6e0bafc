package timeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// SentPart is a part of ours as the vendor knows it.
type SentPart struct {
	Part, Job  normalize.ID
	ExternalID string // empty where the vendor has not named it
	Status     normalize.Status
}

// typingTime bounds how long a vendor is asked to show that somebody writes.
const typingTime = 5 * time.Second

// Typing shows the customer of a conversation that somebody is writing, where
// the channel can and they may be written to. Nothing depends on it, so a
// vendor's failure is none.
func (d *Desk) Typing(ctx context.Context, conversation normalize.ID) error {
	c, err := d.Store.Conversation(ctx, conversation)
	if err != nil {
		return fmt.Errorf("conversation %s: %w", conversation, err)
	}
	outlet, ok := d.Outlets.Outlet(c.Channel.Name)
	if !ok {
		return nil
	}
	why, err := d.Store.Unreachable(ctx, c.Address)
	if err != nil {
		return fmt.Errorf("address %s: %w", c.Address.Value, err)
	}
	window, err := d.Store.ReplyWindow(ctx, c.Channel.Name, c.Address, c.ID)
	if err != nil {
		return fmt.Errorf("reply window of %s: %w", c.Address.Value, err)
	}
	if why != nil || window.Takes(1, d.Now()) != nil {
		return nil
	}
	last, err := d.Store.LastInbound(ctx, conversation)
	if err != nil {
		return fmt.Errorf("last message of conversation %s: %w", conversation, err)
	}
	var thread normalize.Thread
	if last != nil {
		thread = last.Thread
	}
	ctx, cancel := context.WithTimeout(ctx, typingTime)
	defer cancel()
	_ = outlet.Typing(ctx, thread, c.Address) // shown or not
	return nil
}

// Recall takes back a message of ours, each sent part by a call of the
// channel, and marks it deleted. One that was taken back before stays so.
func (d *Desk) Recall(ctx context.Context, message normalize.ID) (*normalize.Message, error) {
	m, err := d.Store.Message(ctx, message)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", message, err)
	}
	if !m.DeletedAt.IsZero() {
		return m, nil
	}
	parts, err := d.Store.SentParts(ctx, message)
	if err != nil {
		return nil, fmt.Errorf("parts of message %s: %w", message, err)
	}
	if m.Direction != normalize.Outbound || m.Note || len(parts) == 0 {
		return nil, Refuse("not_sent", "only what was sent from here can be taken back")
	}
	var sent []SentPart
	for _, p := range parts {
		switch p.Status {
		case normalize.StatusQueued, normalize.StatusSending:
			return nil, Refuse("not_sent", "it is not sent yet: cancel it (deskbridge outbox cancel %s), or try again in a moment", p.Job)
		case normalize.StatusUncertain:
			return nil, Refuse("not_sent", "it is not known whether the vendor has it: try again when that is found out")
		case normalize.StatusFailed:
			continue
		}
		same := func(q SentPart) bool { return q.ExternalID == p.ExternalID } // of one request
		if p.ExternalID != "" && !slices.ContainsFunc(sent, same) {
			sent = append(sent, p)
		}
	}
	if len(sent) == 0 {
		return nil, Refuse("not_sent", "the vendor has nothing of it that could be taken back")
	}
	outlet, ok := d.Outlets.Outlet(m.Channel.Name)
	if !ok {
		return nil, Refuse("no_channel", "there is no channel named %q, or it is not enabled", m.Channel.Name)
	}
	for i, p := range sent {
		if err := outlet.Recall(ctx, m, p); err != nil {
			return nil, recalled(i, len(sent), err)
		}
	}
	return d.Store.MarkDeleted(ctx, message, d.Now())
}

// recalled says how far it came where a part could not be taken back.
func recalled(done, all int, err error) error {
	r, refused := errors.AsType[*Refused](err)
	if done == 0 || !refused {
		return err
	}
	return Refuse(r.Reason, "%d of %d parts were taken back, then: %s", done, all, r.Detail)
}
