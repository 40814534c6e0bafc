package deliver

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Plan completes an outgoing message for a channel and cuts it into requests:
// one for each part or, on a channel that bundles, one for all. Text over the channel's limit becomes several parts. What the
// channel could not carry is a *timeline.Refused, so that the agent learns of
// it at once.
func Plan(ctx context.Context, ch channel.Channel, m, repliedTo *normalize.Message, links Linker, now time.Time) (p timeline.Plan, err error) {
	sender, ok := ch.(channel.Sender)
	if !ok {
		return p, timeline.Refuse("not_sendable", "channel %q only receives", m.Channel.Name)
	}
	if repliedTo != nil {
		m.Thread = repliedTo.Thread
		m.Thread.Conversation = 0
		m.Thread.ReplyTo = repliedTo.ExternalID
	}
	if pr, ok := ch.(channel.Preparer); ok {
		if err := pr.Prepare(m, repliedTo); err != nil {
			return p, refusal(err)
		}
	}
	limits, err := sender.Limits(ctx, m.Thread)
	if err != nil {
		return p, refusal(err)
	}
	if err := carry(m, limits, links, now); err != nil {
		return p, err
	}
	m.Parts = split(m.Parts, limits)
	p.Jobs = requests(m.Parts, limits)
	p.Anytime = limits.Template && onlyText(m.Parts)
	if limits.Segments {
		for _, part := range m.Parts {
			p.Segments += text.Segments(text.Render(part.Text, part.HTML, limits.Markup))
		}
	}
	return p, nil
}

// onlyText reports whether a template can carry parts.
func onlyText(parts []normalize.Part) bool {
	return !slices.ContainsFunc(parts, func(p normalize.Part) bool { return p.Kind != normalize.PartText })
}

// requests returns which parts go out together.
func requests(parts []normalize.Part, l channel.Limits) [][]int {
	if l.Bundle {
		all := make([]int, len(parts))
		for i := range all {
			all[i] = i
		}
		return [][]int{all}
	}
	each := make([][]int, len(parts))
	for i := range each {
		each[i] = []int{i}
	}
	return each
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
