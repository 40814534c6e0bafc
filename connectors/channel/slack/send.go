package slack

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/slack-go/slack"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

// Our mark on a message: metadata with the outbox's key, by which a message
// that may have been taken is found again
// (https://docs.slack.dev/messaging/message-metadata).
const (
	metadataType = "deskbridge_message"
	metadataKey  = "key"
)

// Prepare gives the first message to a customer its place: a direct message.
func (s *Slack) Prepare(m, repliedTo *normalize.Message) error {
	if repliedTo == nil {
		m.Thread = normalize.Thread{Key: directKey}
	}
	return nil
}

var typedAddress = regexp.MustCompile(`^([TE][A-Z0-9]{1,30}):([UW][A-Z0-9]{1,30})$`)

// Address takes the ids of a workspace and a member.
func (s *Slack) Address(typed string) (normalize.Address, error) {
	typed = strings.TrimSpace(typed)
	if !typedAddress.MatchString(typed) {
		return normalize.Address{}, connectors.Errorf(connectors.Rejected, "", "an address in Slack is WORKSPACE:MEMBER, such as T0123456789:U0123456789")
	}
	return normalize.Address{Kind: KindSlack, Value: typed}, nil
}

// Send posts one part: a text by chat.postMessage, a file by
// files.completeUploadExternal after it was uploaded. Both are the one request
// that shows something to the customer.
func (s *Slack) Send(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	if len(o.Parts) != 1 {
		return channel.Sent{}, connectors.Errorf(connectors.Rejected, "", "Slack takes one part at a time")
	}
	to, err := s.target(ctx, o.Message)
	if err != nil {
		return channel.Sent{}, err
	}
	if p := &o.Parts[0]; p.Kind != normalize.PartText {
		return s.sendFile(ctx, o, p, to)
	}
	words := toMrkdwn(&o.Parts[0])
	options := []slack.MsgOption{
		slack.MsgOptionText(words, false),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: metadataType, EventPayload: map[string]any{metadataKey: o.Key}}),
	}
	if to.thread != "" {
		options = append(options, slack.MsgOptionTS(to.thread))
	}
	if err := s.begin(ctx, o, to); err != nil {
		return channel.Sent{}, err
	}
	room, ts, err := s.api.PostMessageContext(ctx, to.channel, options...)
	if err != nil {
		return channel.Sent{}, trouble(err, true)
	}
	id, err := place(first(room, to.channel), ts)
	if err != nil {
		return channel.Sent{}, connectors.Errorf(connectors.Ambiguous, "", "Slack's answer does not name the message, it may have taken it")
	}
	return channel.Sent{ExternalID: id}, nil
}

// begin waits for the channel's turn and records the attempt.
func (s *Slack) begin(ctx context.Context, o *channel.Outbound, to target) error {
	if err := s.pace.wait(ctx, to.channel); err != nil {
		return connectors.Errorf(connectors.Transient, "", "not sent: %w", err)
	}
	if err := o.Begin(ctx); err != nil {
		return connectors.Errorf(connectors.Transient, "", "not sent: %w", err)
	}
	return nil
}

// target is where a message goes: a channel, and a thread in it or "".
type target struct{ channel, thread string }

func (t target) String() string { return t.channel + ":" + t.thread }

// target reads Thread.ID. The first message to a customer has none: then the
// direct messages are opened, which may be repeated.
func (s *Slack) target(ctx context.Context, m *normalize.Message) (target, error) {
	if m.Thread.ID != "" {
		room, thread, threaded := strings.Cut(m.Thread.ID, ":")
		if _, err := parseTS(thread); !anyChannelID.MatchString(room) || threaded && err != nil {
			return target{}, connectors.Errorf(connectors.Rejected, "", "the message has no place in Slack that could be written to")
		}
		return target{room, thread}, nil
	}
	match := typedAddress.FindStringSubmatch(m.Address.Value)
	if m.Address.Kind != KindSlack || match == nil {
		return target{}, connectors.Errorf(connectors.Rejected, "", "%q is no address in Slack", m.Address.Value)
	}
	room, _, _, err := s.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{match[2]}})
	if err != nil {
		return target{}, asking(err)
	}
	if !anyChannelID.MatchString(room.ID) {
		return target{}, connectors.Errorf(connectors.Transient, "", "Slack does not name the channel for direct messages")
	}
	return target{channel: room.ID}, nil
}

// Recall deletes what was sent. What is gone already was recalled before.
func (s *Slack) Recall(ctx context.Context, _ *channel.Outbound, externalID string) error {
	if file, ok := strings.CutPrefix(externalID, filePrefix); ok {
		return recalled(s.api.DeleteFileContext(ctx, file))
	}
	room, ts, ok := strings.Cut(externalID, ":")
	if _, err := place(room, ts); !ok || err != nil {
		return connectors.Errorf(connectors.Rejected, "", "%.60q names no message in Slack", externalID)
	}
	_, _, err := s.api.DeleteMessageContext(ctx, room, ts)
	return recalled(err)
}

func recalled(err error) error {
	if err == nil {
		return nil
	}
	// Deleting twice does no harm, so that a lost answer leaves nothing in
	// doubt.
	e := trouble(err, false)
	switch e.Code {
	case "message_not_found", "file_not_found", "file_deleted":
		return nil
	}
	return fmt.Errorf("delete: %w", e)
}
