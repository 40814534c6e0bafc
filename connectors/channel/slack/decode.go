package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// The kinds of envelope in which inputs come, as Socket Mode names them. They
// stand in an input's Meta under "envelope".
const (
	metaEnvelope = "envelope"
	metaRetry    = "retry" // how many times Slack had tried before, and why

	envelopeEvent       = "events_api"
	envelopeCommand     = "slash_commands"
	envelopeInteractive = "interactive"
)

var anyChannelID = regexp.MustCompile(`^[CDG][A-Z0-9]{1,30}$`)

// Decode says what an event is.
//
// Inputs are ignored for these reasons:
//
//	app_rate_limited     Slack left out events of a minute: more than 30,000 in an hour
//	app_uninstalled      the app was removed from the workspace
//	bot_message          another program wrote, whom nobody answers
//	channel_not_listed   it was said in a channel that is not under listen_to
//	direct_messages_off  it is a direct message, and those are not read
//	interactive          a button or a form, of which we show none
//	not_an_edit          a message changed by a preview, a reply or a file, and not in its words
//	not_on_a_message     a reaction to something else
//	own_message          it is what we sent
//	slash_command        we offer none
//	staff_message        a member of our own workspace wrote, outside of any thread
//	system_message       Slack itself writes: somebody joined, a topic was set
//	tokens_revoked       somebody took their consent back
//	unknown_envelope     a kind of envelope that came later than this program
//	unknown_event        an event that the app was subscribed to and we have no use for
func (s *Slack) Decode(in normalize.Input) (normalize.Item, error) {
	switch kind := in.Meta[metaEnvelope]; kind {
	case envelopeEvent, "":
	case envelopeCommand:
		return ignored("slash_command")
	case envelopeInteractive:
		return ignored("interactive")
	default:
		return ignored("unknown_envelope")
	}
	var c callback
	if err := json.Unmarshal(in.Raw, &c); err != nil {
		return nil, fmt.Errorf("bad_json: %w", plain(err))
	}
	if c.Type == "app_rate_limited" {
		return ignored("app_rate_limited")
	}
	if c.Type != "event_callback" {
		return ignored("unknown_envelope")
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(c.Event, &head); err != nil || head.Type == "" {
		return nil, errors.New("bad_event: it has no type")
	}
	d := &decoder{cfg: s.cfg, call: &c, names: namesOf(in)}
	d.home, d.enterprise = c.home()
	switch head.Type {
	case "message", "app_mention":
		return d.decode(d.message)
	case "reaction_added", "reaction_removed":
		return d.decode(d.reaction)
	case "app_uninstalled", "tokens_revoked":
		return ignored(head.Type)
	}
	return ignored("unknown_event")
}

func ignored(reason string) (normalize.Item, error) {
	return &normalize.Ignored{Reason: reason}, nil
}

// plain keeps of an error of encoding/json what does not quote the input.
func plain(err error) error {
	if bad, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("field %s is a %s", text.Truncate(bad.Field, 60), text.Truncate(bad.Value, 20))
	}
	return errors.New("not JSON")
}

// decoder decodes one event.
type decoder struct {
	cfg              *Config
	call             *callback
	home, enterprise string
	names            map[string]string // of those who are mentioned, by id
}

func (d *decoder) decode(as func(*event) (normalize.Item, error)) (normalize.Item, error) {
	var e event
	if err := json.Unmarshal(d.call.Event, &e); err != nil {
		return nil, fmt.Errorf("bad_event: %w", plain(err))
	}
	return as(&e)
}

// admits returns why what is said in a channel is not read, or "".
func (d *decoder) admits(channel string) string {
	switch {
	case isDirect(channel) && !d.cfg.DirectMessages:
		return "direct_messages_off"
	case !isDirect(channel) && !slices.Contains(d.cfg.ListenTo, channel):
		return "channel_not_listed"
	}
	return ""
}

// isDirect tells the channel of a direct message between the app and one
// person. Those of several have the ids of channels, and must be listed.
func isDirect(channel string) bool { return strings.HasPrefix(channel, "D") }

// system are the subtypes of what Slack itself writes into a channel. What is
// not listed is a message of a person, as the documentation asks for.
var system = []string{
	"assistant_app_thread", "bot_add", "bot_disable", "bot_enable", "bot_remove", "channel_archive", "channel_convert_to_private",
	"channel_convert_to_public", "channel_join", "channel_leave", "channel_name", "channel_posting_permissions", "channel_purpose",
	"channel_topic", "channel_unarchive", "channel_canvas_updated", "document_mention", "ekm_access_denied", "file_comment", "group_archive",
	"group_join", "group_leave", "group_name", "group_purpose", "group_topic", "group_unarchive", "huddle_thread", "joiner_notification",
	"joiner_notification_for_inviter", "message_replied", "pinned_item", "reminder_add", "reply_broadcast", "reminder_delete", "sh_room_created",
	"sh_room_shared", "tombstone", "unpinned_item",
}

// author says why what somebody wrote is of no concern, or "" with what they
// are to us.
func (d *decoder) author(e *event, channel string) (who role, reason string) {
	switch {
	case e.AppID != "" && e.AppID == d.call.APIAppID,
		e.BotProfile != nil && e.BotProfile.AppID != "" && e.BotProfile.AppID == d.call.APIAppID,
		e.User != "" && e.User == d.call.self(),
		e.Metadata != nil && e.Metadata.EventType == metadataType:
		return 0, "own_message"
	case e.BotID != "" || e.Subtype == "bot_message" || e.User == "USLACKBOT":
		return 0, "bot_message"
	case slices.Contains(system, e.Subtype):
		return 0, "system_message"
	case isDirect(channel), slices.Contains(d.cfg.Guests, e.User):
		return customer, ""
	case slices.Contains(d.cfg.Staff, e.User):
		return staff, ""
	case d.cfg.Customers == customersEveryone, e.guest():
		return customer, ""
	}
	if t := e.team(d.home); t == d.home || t == d.enterprise {
		return staff, ""
	}
	return customer, ""
}

type role int

const (
	customer role = iota + 1
	staff
)

// address of a member.
func (d *decoder) address(e *event) (normalize.Address, error) {
	if !memberID.MatchString(e.User) {
		return normalize.Address{}, errors.New("no_user: the event names nobody who wrote it")
	}
	return normalize.Address{Kind: KindSlack, Value: e.team(d.home) + ":" + e.User, Name: e.name()}, nil
}

func (d *decoder) reaction(e *event) (normalize.Item, error) {
	if e.Item.Type != "message" {
		return ignored("not_on_a_message")
	}
	if reason := d.admits(e.Item.Channel); reason != "" {
		return ignored(reason)
	}
	if e.User == d.call.self() && e.User != "" {
		return ignored("own_message")
	}
	target, err := place(e.Item.Channel, e.Item.TS)
	if err != nil {
		return nil, err
	}
	at, err := parseTS(e.EventTS)
	if err != nil {
		return nil, err
	}
	from, err := d.address(e)
	if err != nil {
		return nil, err
	}
	return &normalize.Reaction{Target: target, From: from, Emoji: emoji(e.Reaction), Removed: e.Type == "reaction_removed", At: at}, nil
}
