package wechat

import (
	"context"
	"unicode/utf8"

	"github.com/silenceper/wechat/v2/officialaccount/customerservice"
	"github.com/silenceper/wechat/v2/officialaccount/message"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	pathSend   = "/cgi-bin/message/custom/send"
	pathTyping = "/cgi-bin/message/custom/typing"
)

// Send implements channel.Sender by the interface for customer service
// (developers.weixin.qq.com/doc/offiaccount/Message_Management/Service_Center_messages.html),
// or by a template where one is configured and the reply window has closed, by
// our own account of it or by the vendor's. The vendor gives customer service
// messages no id, for which our key stands in, recognises no repeats and lists
// nothing that was sent, so that what is uncertain stays so.
func (w *WeChat) Send(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	openID, err := w.openID(o.Message.Address)
	if err != nil {
		return channel.Sent{}, err
	}
	if len(o.Parts) != 1 {
		return channel.Sent{}, connectors.Errorf(connectors.Rejected, "", "one part makes a WeChat message, not %d", len(o.Parts))
	}
	part := &o.Parts[0]
	byTemplate := part.Kind == normalize.PartText && w.cfg.template() != ""
	// By count alone the vendor is asked first: a template may cut the text.
	if window := o.Message.ReplyWindow; byTemplate && window != nil && !window.Until.IsZero() && !w.deps.Clock.Now().Before(window.Until) {
		return w.sendTemplate(ctx, openID, o, o.Begin)
	}
	m, err := w.compose(ctx, openID, o, part)
	if err != nil {
		return channel.Sent{}, err
	}
	err = w.client.Call(ctx, tencent.Request{Path: pathSend, In: m, Begin: o.Begin})
	if e := connectors.Classify(err); byTemplate && (e.Code == codeTooLate || e.Code == codeTooMany) {
		// Refused, so nothing was sent, and the attempt has begun already.
		sent, err := w.sendTemplate(ctx, openID, o, func(context.Context) error { return nil })
		sent.Closed = true
		return sent, err
	}
	if err != nil {
		return channel.Sent{}, err
	}
	return channel.Sent{ExternalID: "sent:" + o.Key}, nil
}

// compose makes the request for a part. Files go up first.
func (w *WeChat) compose(ctx context.Context, openID string, o *channel.Outbound, part *normalize.Part) (*message.CustomerMessage, error) {
	m := &message.CustomerMessage{ToUser: openID}
	switch part.Kind {
	case normalize.PartText:
		return m, fillText(m, part)
	case normalize.PartImage, normalize.PartAudio, normalize.PartVideo:
	default:
		return nil, connectors.Errorf(connectors.Unsupported, "", "WeChat carries no part of kind %s", part.Kind)
	}
	kind := uploadKinds[part.Kind]
	id, err := w.upload(ctx, o, kind, part.Media)
	if err != nil {
		return nil, err
	}
	m.Msgtype = message.MsgType(kind)
	switch part.Kind {
	case normalize.PartImage:
		m.Image = &message.MediaResource{MediaID: id}
	case normalize.PartAudio:
		m.Voice = &message.MediaResource{MediaID: id}
	default:
		preview, err := w.preview(ctx)
		if err != nil {
			return nil, err
		}
		m.Video = &message.MediaVideo{
			MediaID: id, ThumbMediaID: preview,
			Title: text.Truncate(part.Media.Name, 60), Description: text.Truncate(part.Text, 120),
		}
	}
	return m, nil
}

// fillText sends words as what they are: a menu, an article or a text.
func fillText(m *message.CustomerMessage, part *normalize.Part) error {
	if menu := menuOf(part.HTML); menu != nil {
		m.Msgtype, m.Msgmenu = "msgmenu", menu
		return nil
	}
	if article := articleOf(part.HTML); article != nil {
		m.Msgtype, m.News = message.MsgTypeNews, &message.MediaNews{Articles: []message.MediaArticles{*article}}
		return nil
	}
	words := text.Render(part.Text, part.HTML, normalize.MarkupPlain)
	if len(words) > maxTextBytes {
		return connectors.Errorf(connectors.Rejected, "45002", "the text has %d bytes, a WeChat message takes %d (%d characters)",
			len(words), maxTextBytes, utf8.RuneCountInString(words))
	}
	m.Msgtype, m.Text = message.MsgTypeText, &message.MediaText{Content: words}
	return nil
}

// Typing implements channel.Typer: the customer sees it for some 15 seconds.
func (w *WeChat) Typing(ctx context.Context, _ normalize.Thread, to normalize.Address) error {
	openID, err := w.openID(to)
	if err != nil {
		return err
	}
	return optional(w.client.Call(ctx, tencent.Request{Path: pathTyping, In: map[string]string{
		"touser": openID, "command": string(customerservice.Typing),
	}}))
}
