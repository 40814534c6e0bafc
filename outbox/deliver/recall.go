package deliver

import (
	"context"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Typing shows the customer that somebody is writing, where the channel can.
func Typing(ctx context.Context, ch channel.Channel, t normalize.Thread, to normalize.Address) error {
	typer, ok := ch.(channel.Typer)
	if !ok {
		return nil
	}
	return typer.Typing(ctx, t, to)
}

// Recall takes back one part of a message. What the channel cannot, or not any
// more, is a *timeline.Refused.
func Recall(ctx context.Context, ch channel.Channel, m *normalize.Message, sent timeline.SentPart) error {
	recaller, ok := ch.(channel.Recaller)
	if !ok {
		return timeline.Refuse("unsupported", "channel %q cannot take back what was sent", m.Channel.Name)
	}
	o := &channel.Outbound{
		Key: key(sent.Job), Message: m, Recipients: recipients(m),
		Begin: func(context.Context) error { return nil },
	}
	for _, p := range m.Parts {
		if p.ID == sent.Part {
			o.Parts = append(o.Parts, p)
		}
	}
	if err := recaller.Recall(ctx, o, sent.ExternalID); err != nil {
		return refusal(err)
	}
	return nil
}
