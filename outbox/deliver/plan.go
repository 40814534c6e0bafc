package deliver

import (
	"context"
	"errors"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Plan completes an outgoing message for a channel and cuts it into requests,
// as indexes into m.Parts: one for each part or, on a channel that bundles,
// one for all. Text over the channel's limit becomes several parts. What the
// channel could not carry is a *timeline.Refused, so that the agent learns of
// it at once.
func Plan(ctx context.Context, ch channel.Channel, m, repliedTo *normalize.Message, links Linker, now time.Time) ([][]int, error) {
	sender, ok := ch.(channel.Sender)
	if !ok {
		return nil, timeline.Refuse("not_sendable", "channel %q only receives", m.Channel.Name)
	}
	if repliedTo != nil {
		m.Thread = repliedTo.Thread
		m.Thread.Conversation = 0
		m.Thread.ReplyTo = repliedTo.ExternalID
	}
	if p, ok := ch.(channel.Preparer); ok {
		if err := p.Prepare(m, repliedTo); err != nil {
			return nil, refusal(err)
		}
	}
	limits, err := sender.Limits(ctx, m.Thread)
	if err != nil {
		return nil, refusal(err)
	}
	if err := fits(limits, now); err != nil {
		return nil, err
	}
	if err := carry(m, limits, links, now); err != nil {
		return nil, err
	}
	m.Parts = split(m.Parts, limits)
	if limits.Bundle {
		all := make([]int, len(m.Parts))
		for i := range all {
			all[i] = i
		}
		return [][]int{all}, nil
	}
	jobs := make([][]int, len(m.Parts))
	for i := range jobs {
		jobs[i] = []int{i}
	}
	return jobs, nil
}

// refusal turns a connector's definite no into a refusal; anything else is a
// failure of ours or of the vendor, and stays an error.
func refusal(err error) error {
	var e *connectors.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Class {
	case connectors.Rejected, connectors.Unsupported:
		return timeline.Refuse("unsupported", "%s", e.Detail)
	case connectors.Unreachable:
		return timeline.Refuse("unreachable", "%s", e.Detail)
	}
	return err
}

func fits(l channel.Limits, now time.Time) error {
	if w := l.Window; w != nil {
		if !w.Until.IsZero() && now.After(w.Until) {
			return timeline.Refuse("window_closed", "the channel allowed an answer until %s", w.Until.Format(time.RFC3339))
		}
		if w.Remaining == 0 {
			return timeline.Refuse("window_closed", "the channel allows no further answer before the customer writes again")
		}
	}
	return nil
}
