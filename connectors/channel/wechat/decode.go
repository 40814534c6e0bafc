package wechat

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/silenceper/wechat/v2/officialaccount/message"

	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// payload is a message or an event: what the SDK knows, and what it does not.
type payload struct {
	message.MixMessage

	FileTotalLen string `xml:"FileTotalLen"`
	// MenuItem is the id that we gave to an item of a menu, any words.
	MenuItem string `xml:"bizmsgmenuid"`

	Popup  []subscription `xml:"SubscribeMsgPopupEvent>List"`
	Change []subscription `xml:"SubscribeMsgChangeEvent>List"`
	Sent   []subscription `xml:"SubscribeMsgSentEvent>List"`
}

// subscription is one template in an event about subscribe messages
// (developers.weixin.qq.com/doc/offiaccount/Subscription_Messages/api.html).
type subscription struct {
	TemplateID  string `xml:"TemplateId"`
	Status      string `xml:"SubscribeStatusString"`
	MsgID       string `xml:"MsgID"`
	ErrorCode   string `xml:"ErrorCode"`
	ErrorStatus string `xml:"ErrorStatus"`
}

const (
	msgTypeFile message.MsgType = "file" // the SDK has none

	threadKey = "chat" // a customer and an account have one chat

	answerFor    = 48 * time.Hour // after a message
	answers      = 5
	actionFor    = time.Minute // after a menu click, a scan, a subscription; a tap on a menu of ours, too
	actionsCount = 3
)

// Decode implements channel.Channel. What is ignored, by its reason:
//
//	location_report      the phone told where it is, as it does again and again
//	menu_picture         the picture itself follows as a message
//	menu_location        the location itself follows as a message
//	mass_message         how a broadcast went
//	customer_service     a colleague's session in the vendor's own client
//	authorization        a customer changed what the vendor may tell of them
//	unknown_event        any other event
func (w *WeChat) Decode(in normalize.Input) (normalize.Item, error) {
	var p payload
	if err := tencent.Unmarshal(in.Raw, &p); err != nil {
		return nil, err
	}
	openID := string(p.FromUserName)
	if !validOpenID(openID) {
		return nil, errors.New("FromUserName is not the openid of a customer")
	}
	m := &normalize.Message{
		Direction:  normalize.Inbound,
		Address:    w.address(openID),
		Thread:     normalize.Thread{Key: threadKey},
		SentAt:     in.ReceivedAt,
		ReceivedAt: in.ReceivedAt,
	}
	if p.CreateTime > 0 {
		m.SentAt = time.Unix(p.CreateTime, 0).UTC()
	}
	if p.MsgType == message.MsgTypeEvent {
		m.ExternalID = fmt.Sprintf("%s/%d/%s", openID, p.CreateTime, text.CleanLine(string(p.Event)))
		return p.event(m)
	}
	if p.MsgID <= 0 {
		return nil, errors.New("a message without MsgId")
	}
	m.ExternalID = strconv.FormatInt(p.MsgID, 10)
	m.ReplyWindow = answerable(m)
	if p.MenuItem != "" {
		m.ReplyWindow = acted(m)
	}
	p.content(m)
	for i := range m.Parts {
		m.Parts[i].Status, m.Parts[i].StatusAt = normalize.StatusReceived, in.ReceivedAt
	}
	return m, nil
}

// Peek says who wrote a message that Decode could not read. Events are no words
// of anybody.
func (w *WeChat) Peek(in normalize.Input) *normalize.Message {
	var h header
	if err := tencent.Unmarshal(in.Raw, &h); err != nil || !validOpenID(h.FromUserName) || h.MsgType == string(message.MsgTypeEvent) {
		return nil
	}
	m := &normalize.Message{
		Direction: normalize.Inbound, Address: w.address(h.FromUserName), Thread: normalize.Thread{Key: threadKey},
		SentAt: in.ReceivedAt, ReceivedAt: in.ReceivedAt,
	}
	if seconds, err := strconv.ParseInt(h.CreateTime, 10, 64); err == nil && seconds > 0 {
		m.SentAt = time.Unix(seconds, 0).UTC()
	}
	return m
}

// answerable is the reply window of what a customer wrote
// (developers.weixin.qq.com/doc/service/guide/product/kf/intro.html).
func answerable(m *normalize.Message) *normalize.ReplyWindow {
	return &normalize.ReplyWindow{Until: m.SentAt.Add(answerFor), Remaining: answers}
}

// acted is that of what they only tapped or scanned.
func acted(m *normalize.Message) *normalize.ReplyWindow {
	return &normalize.ReplyWindow{Until: m.SentAt.Add(actionFor), Remaining: actionsCount}
}

// content fills in what a message says
// (developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html).
func (p *payload) content(m *normalize.Message) {
	switch p.MsgType {
	case message.MsgTypeText:
		m.Text = text.Clean(p.Content)
	case message.MsgTypeLink:
		m.Text = text.Clean(strings.TrimSpace(p.Title + "\n" + p.Description + "\n" + p.URL))
	case message.MsgTypeImage:
		m.Parts = one(normalize.PartImage, "", p.media("image.jpg", "image/jpeg", p.PicURL))
	case message.MsgTypeVoice:
		name, contentType := voiceFormat(p.Format)
		m.Parts = one(normalize.PartAudio, text.Clean(p.Recognition), p.media(name, contentType, ""))
	case message.MsgTypeVideo, message.MsgTypeShortVideo:
		m.Parts = one(normalize.PartVideo, "", p.media("video.mp4", "video/mp4", ""))
	case message.MsgTypeLocation:
		m.Parts = []normalize.Part{{Kind: normalize.PartLocation, Location: &normalize.Location{
			Latitude: p.LocationX, Longitude: p.LocationY, Address: text.CleanLine(p.Label),
		}}}
	case msgTypeFile:
		// The vendor tells what was sent and has no interface that hands it out.
		m.Parts = one(normalize.PartFile, p.fileNote(), nil)
	default:
		m.Parts = []normalize.Part{{Kind: normalize.PartEvent, Event: "unsupported_message", Text: text.Truncate(string(p.MsgType), 60)}}
	}
	if m.Text != "" {
		m.Parts = one(normalize.PartText, m.Text, nil)
	}
	m.FullText = m.Text
}

func one(kind normalize.PartKind, words string, media *normalize.Media) []normalize.Part {
	return []normalize.Part{{Kind: kind, Text: words, Media: media}}
}

// media is what the Fetcher gets later: by the id, or else from the address of
// a picture, which the vendor gives even to accounts that may not get media.
func (p *payload) media(name, contentType, address string) *normalize.Media {
	ref := url.Values{"id": {p.MediaID}}
	if address != "" {
		ref.Set("url", address)
	}
	return &normalize.Media{Name: name, ContentType: contentType, Ref: ref.Encode()}
}

func voiceFormat(format string) (name, contentType string) {
	switch f := strings.ToLower(format); f {
	case "mp3":
		return "voice.mp3", "audio/mpeg"
	case "speex":
		return "voice.speex", "audio/speex"
	}
	return "voice.amr", "audio/amr"
}

func (p *payload) fileNote() string {
	note := text.CleanLine(p.Title)
	if n, err := strconv.ParseInt(p.FileTotalLen, 10, 64); err == nil && n > 0 {
		note += fmt.Sprintf(" (%d bytes)", n)
	}
	return note + ": WeChat does not hand over files that are sent to official accounts. Ask the customer for a picture or another way."
}
