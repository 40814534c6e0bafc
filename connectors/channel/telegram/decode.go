package telegram

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-telegram/bot/models"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// Decode implements channel.Channel. An input is an update
// (https://core.telegram.org/bots/api#update). What is ignored, and why:
//
//	own_message     the bot wrote it
//	bot             another bot wrote it
//	anonymous       a channel or an anonymous administrator wrote it
//	group           it stands in a group, and groups are not read
//	channel_post    it stands in a channel, which is no conversation
//	group_change    members, title, picture and the like of a group changed
//	live_location   a position moved on
//	button          a button was pressed; we send none
//	bot_in_group    the bot was added to a group or removed from it
//	no_reaction     a change of reactions that names none
//	unknown_update  a kind of update that we do not know
//	service_message something happened that nobody said, such as a payment
func (t *Telegram) Decode(in normalize.Input) (normalize.Item, error) {
	u, err := read(in.Raw)
	if err != nil {
		return nil, fmt.Errorf("bad_update: not what the Bot API documents: %w", err)
	}
	switch {
	case u.Message != nil:
		return t.message(u.Message, in.Raw), nil
	case u.EditedMessage != nil:
		return t.edit(u.EditedMessage, in.Raw), nil
	case u.MessageReaction != nil:
		return t.reaction(u.MessageReaction, in.Meta[reactionMeta]), nil
	case u.MyChatMember != nil:
		return member(u.ID, u.MyChatMember), nil
	case u.ChannelPost != nil, u.EditedChannelPost != nil:
		return ignored("channel_post"), nil
	case u.CallbackQuery != nil:
		return ignored("button"), nil
	}
	return ignored("unknown_update"), nil
}

// Peek implements timeline.Peeker: who wrote, and where.
func (t *Telegram) Peek(in normalize.Input) *normalize.Message {
	var u struct {
		Message *struct {
			From            *models.User `json:"from"`
			SenderChat      *models.Chat `json:"sender_chat"`
			Chat            models.Chat  `json:"chat"`
			Date            int          `json:"date"`
			MessageThreadID int          `json:"message_thread_id"`
			IsTopicMessage  bool         `json:"is_topic_message"`
		} `json:"message"`
	}
	// What is not as documented in one place may be read in others.
	if _ = json.Unmarshal(in.Raw, &u); u.Message == nil {
		return nil
	}
	m := &models.Message{
		From: u.Message.From, SenderChat: u.Message.SenderChat, Chat: u.Message.Chat, Date: u.Message.Date,
		MessageThreadID: u.Message.MessageThreadID, IsTopicMessage: u.Message.IsTopicMessage,
	}
	if m.From != nil && m.From.ID == 0 || m.Chat.ID == 0 || t.foreign(m) != "" {
		return nil
	}
	return &normalize.Message{Address: person(m.From), Thread: thread(m), SentAt: time.Unix(int64(m.Date), 0).UTC()}
}

func ignored(reason string) *normalize.Ignored { return &normalize.Ignored{Reason: reason} }

// foreign returns why a message is of no concern, or "".
func (t *Telegram) foreign(m *models.Message) string {
	switch {
	case m.Chat.Type == models.ChatTypeChannel:
		return "channel_post"
	case m.Chat.Type != models.ChatTypePrivate && !t.cfg.Groups:
		return "group"
	case m.From == nil || m.SenderChat != nil:
		return "anonymous"
	case m.From.ID == t.self:
		return "own_message"
	case m.From.IsBot:
		return "bot"
	}
	return ""
}

func (t *Telegram) message(m *models.Message, update []byte) normalize.Item {
	if why := t.foreign(m); why != "" {
		return ignored(why)
	}
	part, why := content(m, update)
	if why != "" {
		return ignored(why)
	}
	msg := &normalize.Message{
		Address: person(m.From), ExternalID: messageID(m.Chat.ID, m.ID), Thread: thread(m),
		SentAt: time.Unix(int64(m.Date), 0).UTC(), Parts: []normalize.Part{part}, Text: part.Text,
	}
	if m.Chat.Type != models.ChatTypePrivate {
		msg.Subject = m.Chat.Title
	}
	plain, rich := words(m)
	msg.HTML = rich
	if plain != "" {
		msg.Text, msg.Parts[0].Text = plain, plain
	}
	return msg
}

// thread is the chat, and in a forum the topic.
func thread(m *models.Message) normalize.Thread {
	id := strconv.FormatInt(m.Chat.ID, 10)
	if m.IsTopicMessage && m.MessageThreadID != 0 {
		id += "/" + strconv.Itoa(m.MessageThreadID)
	}
	th := normalize.Thread{ID: id, Key: id}
	// In a topic the first message is what all others formally answer.
	if r := m.ReplyToMessage; r != nil && !(m.IsTopicMessage && r.ID == m.MessageThreadID) {
		th.ReplyTo = messageID(m.Chat.ID, r.ID)
	}
	return th
}

// messageID names a message: ids of messages are those of their chat.
func messageID(chat int64, id int) string {
	return strconv.FormatInt(chat, 10) + "/" + strconv.Itoa(id)
}

func person(u *models.User) normalize.Address {
	name := strings.TrimSpace(u.FirstName + " " + u.LastName)
	if name == "" {
		name = u.Username
	}
	return normalize.Address{Kind: KindTelegram, Value: strconv.FormatInt(u.ID, 10), Name: name}
}

func (t *Telegram) edit(m *models.Message, update []byte) normalize.Item {
	if why := t.foreign(m); why != "" {
		return ignored(why)
	}
	if m.Location != nil {
		return ignored("live_location")
	}
	plain, rich := words(m)
	if part, _ := content(m, update); plain == "" {
		plain = part.Text
	}
	return &normalize.Edit{Target: messageID(m.Chat.ID, m.ID), Text: plain, HTML: rich, At: time.Unix(int64(m.EditDate), 0).UTC()}
}

// reaction is the one change among several that which names.
func (t *Telegram) reaction(r *models.MessageReactionUpdated, which string) normalize.Item {
	if r.Chat.Type != models.ChatTypePrivate && !t.cfg.Groups {
		return ignored("group")
	}
	if r.User == nil {
		return ignored("anonymous")
	}
	i, err := strconv.Atoi(which)
	if err != nil || i < 0 || i >= len(r.OldReaction)+len(r.NewReaction) {
		return ignored("no_reaction")
	}
	item := &normalize.Reaction{Target: messageID(r.Chat.ID, r.MessageID), From: person(r.User), At: time.Unix(int64(r.Date), 0).UTC()}
	if i < len(r.OldReaction) {
		item.Emoji, item.Removed = emoji(r.OldReaction[i]), true
	} else {
		item.Emoji = emoji(r.NewReaction[i-len(r.OldReaction)])
	}
	return item
}

func emoji(r models.ReactionType) string {
	switch {
	case r.ReactionTypeEmoji != nil:
		return r.ReactionTypeEmoji.Emoji
	case r.ReactionTypeCustomEmoji != nil:
		return "custom:" + r.ReactionTypeCustomEmoji.CustomEmojiID
	}
	return "⭐"
}

// member tells that somebody has blocked the bot, or takes its messages again.
func member(update int64, c *models.ChatMemberUpdated) normalize.Item {
	if c.Chat.Type != models.ChatTypePrivate {
		return ignored("bot_in_group")
	}
	m := &normalize.Message{
		Address: person(&c.From), ExternalID: "update/" + strconv.FormatInt(update, 10), SentAt: time.Unix(int64(c.Date), 0).UTC(),
		Thread:  normalize.Thread{ID: strconv.FormatInt(c.Chat.ID, 10), Key: strconv.FormatInt(c.Chat.ID, 10), Quiet: true},
		Consent: normalize.OptedIn, Parts: []normalize.Part{{Kind: normalize.PartEvent, Event: "unblocked", Text: "lets the bot write again"}},
	}
	if c.NewChatMember.Type == models.ChatMemberTypeBanned {
		m.Consent, m.Parts[0].Event, m.Parts[0].Text = normalize.OptedOut, "blocked", "has blocked the bot"
	}
	m.Text = m.Parts[0].Text
	return m
}

// words is the text or the caption of a message, and its rich form where it
// has one. A link behind words is written out.
func words(m *models.Message) (plain, rich string) {
	plain, entities := m.Text, m.Entities
	if plain == "" {
		plain, entities = m.Caption, m.CaptionEntities
	}
	if rich = toHTML(plain, entities); rich != "" {
		plain = text.FromHTML(rich)
	}
	return plain, rich
}
