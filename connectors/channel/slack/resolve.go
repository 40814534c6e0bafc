package slack

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	resolvePage  = 200
	resolvePages = 5
	// clockSlack is how far our clock and Slack's may be apart.
	clockSlack = 2 * time.Minute
)

// Resolve looks in the channel, or in the thread, for the message that carries
// our key; for a file, whether Slack shows it there. What is not found may
// still come.
func (s *Slack) Resolve(ctx context.Context, o *channel.Outbound) (channel.Sent, bool, error) {
	to, err := s.target(ctx, o.Message)
	if err != nil {
		return channel.Sent{}, false, err
	}
	if len(o.Parts) == 1 && o.Parts[0].Kind != normalize.PartText {
		return s.resolveFile(ctx, o.Key, to)
	}
	oldest := "0"
	if !o.Begun.IsZero() {
		oldest = strconv.FormatInt(o.Begun.Add(-clockSlack).Unix(), 10) + ".000000"
	}
	cursor := ""
	for range resolvePages {
		messages, next, err := s.page(ctx, to, oldest, cursor)
		if err != nil {
			return channel.Sent{}, false, asking(err)
		}
		for _, m := range messages {
			if key, _ := m.Metadata.EventPayload[metadataKey].(string); m.Metadata.EventType != metadataType || key != o.Key {
				continue
			}
			id, err := place(to.channel, m.Timestamp)
			if err == nil {
				return channel.Sent{ExternalID: id, Detail: "found in the channel"}, true, nil
			}
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	return channel.Sent{}, false, nil
}

func (s *Slack) page(ctx context.Context, to target, oldest, cursor string) ([]slack.Message, string, error) {
	if to.thread != "" {
		messages, _, next, err := s.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
			ChannelID: to.channel, Timestamp: to.thread, Oldest: oldest, Cursor: cursor, Limit: resolvePage, IncludeAllMetadata: true,
		})
		return messages, next, err
	}
	page, err := s.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: to.channel, Oldest: oldest, Cursor: cursor, Limit: resolvePage, IncludeAllMetadata: true,
	})
	if err != nil {
		return nil, "", err
	}
	return page.Messages, page.ResponseMetaData.NextCursor, nil
}

func (s *Slack) resolveFile(ctx context.Context, key string, to target) (channel.Sent, bool, error) {
	id, err := s.deps.Tokens.Get(ctx, uploadName(key))
	if err != nil || id == "" {
		return channel.Sent{}, false, err
	}
	shown, err := s.shown(ctx, id, to)
	var refused slack.SlackErrorResponse
	switch {
	case errors.As(err, &refused) && (refused.Err == "file_not_found" || refused.Err == "file_deleted"):
		return channel.Sent{}, false, nil
	case err != nil:
		return channel.Sent{}, false, asking(err)
	}
	return channel.Sent{ExternalID: shown, Detail: "found in the channel"}, shown != "", nil
}
