// Package slack is the channel of a Slack app: customers in channels that are
// shared with them (Slack Connect), guests, and direct messages.
//
// Events come by Socket Mode, or by calls of the Events API; answers go out by
// the Web API. A thread is a conversation, and so are all direct messages of
// one person.
package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

// Type is the name of this channel in the configuration.
const Type = "slack"

// KindSlack is the kind of its customers' addresses: "TEAM:USER", the ids of
// the workspace and of the member.
const KindSlack = "slack"

func init() {
	channel.Register(channel.Kind{
		Type: Type, Title: "Slack", Addresses: []string{KindSlack},
		Facts: channel.Facts{
			Receives: []normalize.PartKind{normalize.PartText, normalize.PartImage, normalize.PartAudio, normalize.PartVideo, normalize.PartFile},
			Edits:    true, Deletes: true, Reactions: true,
			PerPeerHour: 120,
		},
		Config: func() connectors.Config { return newConfig() },
		New: func(c connectors.Config, d connectors.Deps) (channel.Channel, error) {
			app, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("the channel type %s cannot be configured by a %T", Type, c)
			}
			return New(app, d), nil
		},
	})
}

// Slack is one account.
type Slack struct {
	// cfg is a pointer so that printing the account shows no secret.
	cfg  *Config
	deps connectors.Deps
	api  *slack.Client
	pace *pacer
	// names of members who were mentioned.
	names names
	// http follows a redirect to no other host, since requests carry tokens.
	http *http.Client
	// beat is how often a quiet connection is tried; tests shorten it.
	beat time.Duration
	// minute is how often it is noted up to when nothing was missed, silent how
	// long nobody may call before the channels are read; tests shorten them.
	minute, silent time.Duration
}

// New opens an account without talking to Slack.
func New(c *Config, d connectors.Deps) *Slack {
	own := *c
	s := &Slack{cfg: &own, deps: d, pace: newPacer(channelGap), beat: 15 * time.Second, minute: aliveEvery, silent: callsSilent}
	client := *d.HTTP
	client.CheckRedirect = s.redirect
	s.http = &client
	s.api = slack.New(c.BotToken.Reveal(),
		slack.OptionAppLevelToken(c.AppToken.Reveal()),
		slack.OptionAPIURL(c.endpoint()),
		slack.OptionHTTPClient(wire{s.http}),
	)
	return s
}

// Probe finds out who the app is, and whether it can read the channels that
// are listed.
func (s *Slack) Probe(ctx context.Context) (normalize.Address, error) {
	who, err := s.test(ctx)
	if err != nil {
		return normalize.Address{}, err
	}
	us := normalize.Address{Kind: KindSlack, Value: who.TeamID + ":" + who.UserID, Name: who.User}
	if s.cfg.Mode == modeSocket {
		if _, _, err := s.api.StartSocketModeContext(ctx); err != nil {
			return us, appTrouble(err)
		}
	}
	for _, id := range s.cfg.ListenTo {
		if err := s.member(ctx, id); err != nil {
			return us, err
		}
	}
	return us, nil
}

// test asks who the bot token belongs to.
func (s *Slack) test(ctx context.Context) (*slack.AuthTestResponse, error) {
	who, err := s.api.AuthTestContext(ctx)
	if err != nil {
		return nil, asking(err)
	}
	if who.TeamID == "" || who.UserID == "" {
		return nil, connectors.Errorf(connectors.Transient, "", "Slack does not say who the bot token belongs to")
	}
	scopes := who.Header.Get("X-OAuth-Scopes")
	if scopes != "" && !strings.Contains(","+strings.ReplaceAll(scopes, " ", "")+",", ",chat:write,") {
		return nil, connectors.Errorf(connectors.AccountDown, "missing_scope", "the app lacks the scope chat:write: add it under OAuth & Permissions and install the app again")
	}
	return who, nil
}

// member checks that the app takes part in a channel: Slack tells it nothing
// of others.
func (s *Slack) member(ctx context.Context, id string) error {
	info, err := s.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
	var refused slack.SlackErrorResponse
	switch {
	case errors.As(err, &refused) && refused.Err == "missing_scope":
		return nil // it may take part all the same
	case errors.As(err, &refused) && refused.Err == "channel_not_found":
		return connectors.Errorf(connectors.Rejected, refused.Err, "the app does not see the channel %s under listen_to: invite it there by /invite", id)
	case err != nil:
		return asking(err)
	case !info.IsMember:
		return connectors.Errorf(connectors.Rejected, "not_in_channel", "the app is no member of the channel %s under listen_to: invite it there by /invite", id)
	}
	return nil
}

// Close has nothing to end: every connection belongs to the context of the
// call that opened it.
func (s *Slack) Close(context.Context) error { return nil }

// Largest texts and files. Slack advises to stay within 4,000 characters and
// cuts at 40,000 (https://docs.slack.dev/reference/methods/chat.postMessage). A
// file may have one gigabyte.
const (
	maxText = 4000
	maxFile = 1 << 30
)

// channelGap is kept between two messages to one channel: a second, and some
// more since one request may take longer on its way than the next.
const channelGap = 1100 * time.Millisecond

// Limits are the same for every thread. The account may send some hundred
// messages a minute, and one a second into each channel, which Send sees to
// (https://docs.slack.dev/apis/web-api/rate-limits).
func (s *Slack) Limits(context.Context, normalize.Thread) (channel.Limits, error) {
	medium := channel.MediaLimit{Bytes: maxFile}
	return channel.Limits{
		TextRunes: maxText,
		Markup:    normalize.MarkupSlack,
		Kinds: map[normalize.PartKind]channel.MediaLimit{
			normalize.PartText: {}, normalize.PartImage: medium, normalize.PartAudio: medium,
			normalize.PartVideo: medium, normalize.PartFile: medium,
		},
		Rate: 5, Burst: 10, Parallel: 8,
	}, nil
}
