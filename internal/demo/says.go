package demo

import (
	"context"
	"maps"
	"strings"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/connectors/simulator/telegram"
	"github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
	"github.com/deskbridge/deskbridge/internal/demo/stage"
)

// says lets a guest write text, a picture or both, and returns once the daemon
// has taken it, or the vendor where that one waits to be asked.
func (t *town) says(ctx context.Context, g *guest, text string, picture *stage.File) error {
	switch g.at.Kind {
	case byPhone, byWhatsApp:
		return t.texts(ctx, g, text, picture)
	case byWeChat:
		return t.chats(ctx, g, text, picture)
	case byWeCom:
		if picture != nil {
			id := t.wecom.PutMedia("image", picture.Name, picture.ContentType, picture.Content)
			t.wecom.Write(wecom.DefaultKfID, g.own(), wecom.Media("image", id))
		}
		if text != "" {
			t.wecom.Write(wecom.DefaultKfID, g.own(), wecom.Text(text))
		}
	case bySlack:
		p := slack.Post{User: g.own(), Text: text}
		if picture != nil {
			p.Files = []slack.File{{Name: picture.Name, ContentType: picture.ContentType, Content: picture.Content}}
		}
		t.note(g, t.slack.Say(p)) //nolint:contextcheck // its calls end with the vendor
	case byTelegram:
		if picture == nil {
			t.telegram.Text(g.person(), text)
			return nil
		}
		fields := map[string]any{"caption": text}
		maps.Copy(fields, telegram.Photo(t.telegram.AddFile(picture.Name, picture.Content), len(picture.Content)))
		t.telegram.Write(g.person(), fields)
	}
	return nil
}

// texts is says by SMS, MMS and WhatsApp.
func (t *town) texts(ctx context.Context, g *guest, text string, picture *stage.File) error {
	server, in := t.twilio, twilio.Inbound{From: g.at.Value, To: deskPhone, Body: text}
	if g.at.Kind == byWhatsApp {
		server, in.From, in.To, in.Name = t.whatsapp, "whatsapp:"+g.at.Value, deskWhatsApp, g.name
	}
	if picture != nil {
		in.Media = []twilio.Medium{{ContentType: picture.ContentType, Content: picture.Content}}
	}
	_, err := server.Receive(ctx, in)
	return err
}

// chats is says by WeChat, where a picture has no words with it.
func (t *town) chats(ctx context.Context, g *guest, text string, picture *stage.File) error {
	if picture != nil {
		file := wechat.File{Name: picture.Name, ContentType: picture.ContentType, Data: picture.Content}
		if _, err := t.wechat.Say(ctx, g.own(), wechat.Message{Type: "image", File: file}); err != nil {
			return err
		}
	}
	if text == "" {
		return nil
	}
	_, err := t.wechat.Say(ctx, g.own(), wechat.Message{Type: "text", Text: text})
	return err
}

// note keeps how Slack names what a guest wrote last.
func (t *town) note(g *guest, ts string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.noted[g.at.Value] = ts
}

// corrects changes what a guest wrote last by Slack.
func (t *town) corrects(g *guest, text string) {
	t.mu.Lock()
	ts := t.noted[g.at.Value]
	t.mu.Unlock()
	t.slack.Edit(slack.Direct(g.own()), ts, text)
}

// calls lets a guest call and speak to the answering machine. It returns what
// the guest heard.
func (t *town) calls(ctx context.Context, g *guest, words string) (heard []string, err error) {
	c, err := t.twilio.Call(ctx, twilio.Caller{From: g.at.Value, To: deskPhone, Voice: murmur(words), Transcript: words})
	for _, said := range c.Said {
		_, said, _ = strings.Cut(said, ": ") // the language is before it
		heard = append(heard, said)
	}
	return heard, err
}

// blocks lets Telegram refuse the next message to somebody. That they have
// blocked the bot it tells later, see hasBlocked.
func (t *town) blocks() {
	t.telegram.Faults.Add(fault.Fault{
		Kind: fault.Refuse, Path: "/sendMessage", Status: 403,
		Body: `{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}`,
	})
}

func (t *town) hasBlocked(g *guest) { t.telegram.Block(g.person()) }
