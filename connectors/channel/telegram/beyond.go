package telegram

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/go-telegram/bot/models"

	"github.com/deskbridge/deskbridge/normalize"
)

// fields are those of a message as they came: the library knows the Bot API of
// its own day only.
type fields map[string]json.RawMessage

// read reads an update. The library refuses a
// whole update for a variant that it does not know of something that we have
// no use for, such as where a message was forwarded from; then only what we
// use of it is read.
func read(raw []byte) (u models.Update, err error) {
	if err = json.Unmarshal(raw, &u); err == nil {
		return u, nil
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return u, err
	}
	for _, kind := range []string{"message", "edited_message"} {
		if m := object(all[kind]); m != nil {
			if all[kind], err = json.Marshal(used(m)); err != nil {
				return u, err
			}
		}
	}
	again, err := json.Marshal(all)
	if err != nil {
		return u, err
	}
	u = models.Update{}
	return u, json.Unmarshal(again, &u)
}

func object(raw json.RawMessage) (f fields) {
	if json.Unmarshal(raw, &f) != nil {
		return nil
	}
	return f
}

// held are the fields of the message in an update.
func held(update []byte) fields {
	all := object(update)
	if m := object(all["message"]); m != nil {
		return m
	}
	return object(all["edited_message"])
}

// used are the fields of a message that Decode looks at.
func used(m fields) fields {
	kept := fields{}
	for _, name := range []string{
		"message_id", "message_thread_id", "is_topic_message", "from", "sender_chat", "chat", "date", "edit_date",
		"text", "entities", "caption", "caption_entities", "photo", "animation", "document", "voice", "audio", "video", "video_note", "sticker",
		"venue", "location", "contact", "dice", "poll", "checklist",
	} {
		if value, ok := m[name]; ok {
			kept[name] = value
		}
	}
	if answered := object(m["reply_to_message"]); answered != nil {
		if b, err := json.Marshal(fields{"message_id": answered["message_id"]}); err == nil {
			kept["reply_to_message"] = b
		}
	}
	return kept
}

// Fields of messages that tell of something that happened
// (https://core.telegram.org/bots/api#message): to a group, or otherwise.
var (
	groupChanges = strings.Fields(`new_chat_members left_chat_member new_chat_title new_chat_photo delete_chat_photo group_chat_created
		supergroup_chat_created channel_chat_created migrate_to_chat_id migrate_from_chat_id pinned_message chat_owner_left chat_owner_changed
		forum_topic_created forum_topic_edited forum_topic_closed forum_topic_reopened general_forum_topic_hidden general_forum_topic_unhidden
		video_chat_scheduled video_chat_started video_chat_ended video_chat_participants_invited boost_added proximity_alert_triggered`)
	services = strings.Fields(`message_auto_delete_timer_changed chat_background_set write_access_allowed connected_website users_shared chat_shared
		web_app_data passport_data successful_payment refunded_payment gift unique_gift gift_upgrade_sent giveaway_created giveaway_completed
		paid_message_price_changed direct_message_price_changed checklist_tasks_done checklist_tasks_added poll_option_added poll_option_deleted
		suggested_post_approved suggested_post_approval_failed suggested_post_declined suggested_post_paid suggested_post_refunded managed_bot_created`)
	// unshown are contents that a bot learns of without getting them, or that
	// have no form here.
	unshown = strings.Fields(`story paid_media game invoice giveaway giveaway_winners`)
)

func (f fields) oneOf(names []string) string {
	for _, name := range names {
		if _, ok := f[name]; ok {
			return name
		}
	}
	return ""
}

// beyond is the content of a message in which the library sees none. A
// customer said something: what we cannot show leaves a mark at least.
func (f fields) beyond() (p normalize.Part, ignore string) {
	switch {
	case f.oneOf(groupChanges) != "":
		return p, "group_change"
	case f.oneOf(services) != "":
		return p, "service_message"
	case f["live_photo"] != nil:
		var v models.Video // has the same fields
		if json.Unmarshal(f["live_photo"], &v) == nil && v.FileID != "" {
			return normalize.Part{Kind: normalize.PartVideo, Media: &normalize.Media{
				Ref: v.FileID, Name: "live-photo.mp4", ContentType: cmp.Or(v.MimeType, "video/mp4"), Size: v.FileSize,
			}}, ""
		}
	case f["rich_message"] != nil:
		if words := richWords(f["rich_message"]); words != "" {
			return normalize.Part{Kind: normalize.PartText, Text: words}, ""
		}
	}
	p = normalize.Part{Kind: normalize.PartEvent, Event: "unsupported_message", Text: "sent something that cannot be shown here"}
	if what := f.oneOf(unshown); what != "" {
		p.Text += ": " + strings.ReplaceAll(what, "_", " ")
	}
	return p, ""
}
