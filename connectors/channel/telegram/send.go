package telegram

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// uploads are the methods that carry a file, and the name of its field.
var uploads = map[normalize.PartKind][2]string{
	normalize.PartImage:   {"sendPhoto", "photo"},
	normalize.PartAudio:   {"sendAudio", "audio"},
	normalize.PartVideo:   {"sendVideo", "video"},
	normalize.PartFile:    {"sendDocument", "document"},
	normalize.PartSticker: {"sendSticker", "sticker"},
}

// upload returns the method that carries a file, and the name of its field.
// What was spoken into a phone shows as such.
func upload(p normalize.Part) (method, field string) {
	if p.Kind == normalize.PartAudio && p.Media.ContentType == oggOpus {
		return "sendVoice", "voice"
	}
	return uploads[p.Kind][0], uploads[p.Kind][1]
}

// oggOpus is the format of voice notes
// (https://core.telegram.org/bots/api#sendvoice).
const oggOpus = "audio/ogg"

// chat is where a message goes: its thread, or the customer alone.
func chat(t normalize.Thread, to normalize.Address) (map[string]any, *connectors.Error) {
	id, topic, _ := strings.Cut(cmp.Or(t.ID, to.Value), "/")
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, connectors.Errorf(connectors.Rejected, "", "%q is not the id of a Telegram chat", id)
	}
	params := map[string]any{"chat_id": n}
	if top, err := strconv.Atoi(topic); err == nil {
		params["message_thread_id"] = top
	}
	return params, nil
}

// Send implements channel.Sender: one part, one method.
func (t *Telegram) Send(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	params, bad := chat(o.Message.Thread, o.Recipients[0])
	if bad != nil {
		return channel.Sent{}, bad
	}
	// In a group the answer shows what it answers.
	if place, id, ok := strings.Cut(o.Message.Thread.ReplyTo, "/"); ok && strings.HasPrefix(place, "-") {
		if n, err := strconv.Atoi(id); err == nil {
			params["reply_parameters"] = map[string]any{"message_id": n, "allow_sending_without_reply": true}
		}
	}
	p := o.Parts[0]
	var method string
	var content io.ReadCloser
	switch {
	case p.Kind == normalize.PartText:
		method, params["text"], params["parse_mode"] = "sendMessage", text.Render(p.Text, p.HTML, normalize.MarkupTelegram), "HTML"
		if n := len(utf16.Encode([]rune(text.Render(p.Text, p.HTML, normalize.MarkupPlain)))); n > maxText && p.HTML == "" {
			return channel.Sent{}, connectors.Errorf(connectors.Rejected, "", "the text has %d UTF-16 code units, Telegram takes %d", n, maxText)
		}
	case p.Kind == normalize.PartLocation && p.Location != nil:
		method = location(params, p.Location)
	case p.Kind == normalize.PartContact && p.Contact != nil:
		method = "sendContact"
		params["first_name"] = p.Contact.Name
		for _, a := range p.Contact.Addresses {
			if a.Kind == normalize.KindPhone {
				params["phone_number"] = a.Value
			}
		}
	case uploads[p.Kind][0] != "" && p.Media != nil:
		method, _ = upload(p)
		var err error
		if content, err = o.Open(ctx, p.Media); err != nil {
			return channel.Sent{}, fmt.Errorf("open %s: %w", p.Media.ID, err)
		}
		defer content.Close()
	default:
		return channel.Sent{}, connectors.Errorf(connectors.Unsupported, "", "Telegram carries no part of kind %s", p.Kind)
	}
	body, contentType, err := form(params, p, content)
	if err != nil {
		return channel.Sent{}, fmt.Errorf("read %s: %w", p.Media.ID, err)
	}
	place, _ := params["chat_id"].(int64)
	if err := t.pace.wait(ctx, place); err != nil {
		return channel.Sent{}, connectors.Errorf(connectors.Transient, "", "not sent: %w", err)
	}
	if err := o.Begin(ctx); err != nil {
		return channel.Sent{}, err
	}
	var sent struct {
		ID   int `json:"message_id"`
		Chat struct {
			ID int64 `json:"id"`
		} `json:"chat"`
	}
	if err := t.post(ctx, method, contentType, body, &sent); err != nil {
		return channel.Sent{}, within(place, err)
	}
	if sent.ID == 0 {
		return channel.Sent{}, connectors.Errorf(connectors.Ambiguous, "", "Telegram did not say which message it made")
	}
	return channel.Sent{ExternalID: messageID(sent.Chat.ID, sent.ID)}, nil
}

// within keeps the refusal of a group, whose ids are negative, from counting
// against the customer, who can still be reached alone.
func within(chat int64, err error) error {
	if e, ok := errors.AsType[*connectors.Error](err); ok && chat < 0 && e.Class == connectors.Unreachable {
		e.Class = connectors.Rejected
	}
	return err
}

func location(params map[string]any, l *normalize.Location) (method string) {
	params["latitude"], params["longitude"] = l.Latitude, l.Longitude
	if l.Name == "" {
		return "sendLocation"
	}
	params["title"], params["address"] = l.Name, cmp.Or(l.Address, l.Name)
	return "sendVenue"
}

// form writes a request: JSON, or a form where a file goes along. It is held
// in memory, since a body without a length would go out in chunks, which
// Telegram's servers do not document; media.max_size bounds it.
func form(params map[string]any, p normalize.Part, content io.Reader) (io.Reader, string, error) {
	if content == nil {
		body, err := json.Marshal(params)
		return bytes.NewReader(body), "application/json", err
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range params {
		s, ok := value.(string)
		if !ok {
			encoded, err := json.Marshal(value)
			if err != nil {
				return nil, "", err
			}
			s = string(encoded)
		}
		if err := w.WriteField(name, s); err != nil {
			return nil, "", err
		}
	}
	_, field := upload(p)
	file, err := w.CreateFormFile(field, cmp.Or(p.Media.Name, "file"))
	if err != nil {
		return nil, "", err
	}
	if _, err := io.Copy(file, content); err != nil {
		return nil, "", err
	}
	return &b, w.FormDataContentType(), w.Close()
}

// Typing implements channel.Typer
// (https://core.telegram.org/bots/api#sendchataction: five seconds).
func (t *Telegram) Typing(ctx context.Context, th normalize.Thread, to normalize.Address) error {
	params, bad := chat(th, to)
	if bad != nil {
		return bad
	}
	params["action"] = "typing"
	return t.call(ctx, "sendChatAction", params, nil)
}

// Recall implements channel.Recaller, for 48 hours
// (https://core.telegram.org/bots/api#deletemessage).
func (t *Telegram) Recall(ctx context.Context, _ *channel.Outbound, externalID string) error {
	place, id, _ := strings.Cut(externalID, "/")
	n, err := strconv.ParseInt(place, 10, 64)
	message, err2 := strconv.Atoi(id)
	if err != nil || err2 != nil {
		return connectors.Errorf(connectors.Rejected, "", "%q is no message of Telegram's", externalID)
	}
	return t.call(ctx, "deleteMessage", map[string]any{"chat_id": n, "message_id": message}, nil)
}
