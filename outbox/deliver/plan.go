package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Plan completes an outgoing message for a channel and cuts it into requests,
// as indexes into m.Parts: one for each part or, on a channel that bundles,
// one for all. Text over the channel's limit becomes several parts. What the
// channel could not carry is a *timeline.Refused, so that the agent learns of
// it at once.
func Plan(ctx context.Context, ch channel.Channel, m, repliedTo *normalize.Message, now time.Time) ([][]int, error) {
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
	if err := fits(m, limits, now); err != nil {
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

func fits(m *normalize.Message, l channel.Limits, now time.Time) error {
	if w := l.Window; w != nil {
		if !w.Until.IsZero() && now.After(w.Until) {
			return timeline.Refuse("window_closed", "the channel allowed an answer until %s", w.Until.Format(time.RFC3339))
		}
		if w.Remaining == 0 {
			return timeline.Refuse("window_closed", "the channel allows no further answer before the customer writes again")
		}
	}
	var total int64
	for _, p := range m.Parts {
		limit, ok := l.Kinds[p.Kind]
		if !ok {
			return timeline.Refuse("unsupported", "channel %q cannot carry a part of kind %s", m.Channel.Name, p.Kind)
		}
		if p.Media == nil {
			total += int64(len(p.Text) + len(p.HTML))
			continue
		}
		total += p.Media.Size
		if limit.Bytes > 0 && p.Media.Size > limit.Bytes {
			return timeline.Refuse("too_large", "%s has %d bytes, channel %q takes %d for a part of kind %s",
				name(p.Media), p.Media.Size, m.Channel.Name, limit.Bytes, p.Kind)
		}
		if limit.Types != nil && !slices.Contains(limit.Types, p.Media.ContentType) {
			return timeline.Refuse("unsupported", "%s is %s, which channel %q does not take", name(p.Media), p.Media.ContentType, m.Channel.Name)
		}
	}
	if l.TotalBytes > 0 && total > l.TotalBytes {
		return timeline.Refuse("too_large", "the message has %d bytes, channel %q takes %d", total, m.Channel.Name, l.TotalBytes)
	}
	return nil
}

func name(m *normalize.Media) string {
	if m.Name == "" {
		return "attachment " + m.ID.String()
	}
	return fmt.Sprintf("%q", m.Name)
}

// split cuts text parts at the channel's limit and leaves out rich text that
// it cannot carry.
func split(parts []normalize.Part, l channel.Limits) []normalize.Part {
	var out []normalize.Part
	for _, p := range parts {
		if !l.HTML {
			p.HTML = ""
		}
		if p.Kind != normalize.PartText || l.TextRunes == 0 {
			out = append(out, p)
			continue
		}
		for _, piece := range text.Split(p.Text, l.TextRunes) {
			q := p
			q.Text = piece
			if piece != p.Text {
				q.HTML = ""
			}
			out = append(out, q)
		}
	}
	return out
}
