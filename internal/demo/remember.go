package demo

import (
	"context"
	"errors"
	"slices"

	"github.com/deskbridge/deskbridge/internal/demo/stage"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// remembered is how many messages of a customer come back onto the phones.
const remembered = 50

// remember puts what a store of an earlier run holds back onto the phones, and
// the threads of mail into the customers' mailboxes.
func (d *director) remember(ctx context.Context) error {
	seen := map[normalize.ID]bool{}
	for at := range d.places() {
		who, err := d.world.app.Store().CustomerOf(ctx, normalize.Address{Kind: at.Kind, Value: at.Value})
		if errors.Is(err, timeline.ErrNotFound) {
			continue // has not written yet
		}
		if err != nil {
			return err
		}
		if seen[who.ID] {
			continue
		}
		seen[who.ID] = true
		messages, err := d.world.app.Store().Timeline(ctx, who.ID, 0, remembered)
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(messages) { // the oldest first
			d.recall(ctx, m)
		}
	}
	return nil
}

// places are the addresses of everybody who has a phone.
func (d *director) places() map[stage.Place]bool {
	all := map[stage.Place]bool{}
	for at := range d.guests {
		all[at] = true
	}
	for _, a := range d.cast {
		if a.owner != "" {
			all[a.at()] = true
		}
	}
	return all
}

// recall notes one message of an earlier run.
func (d *director) recall(ctx context.Context, m *normalize.Message) {
	mine := m.Direction == normalize.Inbound
	isEvent := func(p normalize.Part) bool { return p.Kind == normalize.PartEvent }
	if m.Note || !mine && !reached(m) || slices.ContainsFunc(m.Parts, isEvent) {
		return
	}
	at, e := placeOf(m.Address), stage.Entry{Mine: mine, Subject: m.Subject, Text: m.Text}
	for _, p := range m.Parts {
		if p.Call != nil {
			e.Call, e.Text = true, p.Text
		}
		if p.Media == nil || p.Call != nil {
			continue
		}
		if f, err := d.world.api.file(ctx, p.Media); err == nil { // else it was not fetched in the earlier run
			e.Files = append(e.Files, f)
		}
	}
	d.world.book.Recall(at, e, m.ReceivedAt)
	a := d.cast[at.Value]
	if a == nil || at.Kind != byMail {
		return
	}
	if a.subject = m.Subject; mine {
		a.lastID = m.ExternalID
	} else {
		a.got = thread{replyTo: m.ExternalID}
	}
}

// reached reports whether an answer has reached the customer, as far as is
// known.
func reached(m *normalize.Message) bool {
	return slices.ContainsFunc(m.Parts, func(p normalize.Part) bool {
		return p.Status == normalize.StatusAccepted || p.Status == normalize.StatusDelivered || p.Status == normalize.StatusRead
	})
}
