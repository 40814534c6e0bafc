package demo

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"maps"
	"strconv"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/connectors/simulator/telegram"
	"github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
)

// guest is a customer with an app or a phone instead of a mailbox.
type guest struct {
	name, address string   // the address is as the daemon writes it
	via           string   // where an answer arrives: "WeChat"
	answers       []string // to what our side writes, one after the other
	colleague     string   // what the colleague answers to the first message
	write         func(ctx context.Context, t *town, text string) error

	replies int
	reached bool // an answer has arrived
}

const (
	slackTeam  = "T0HARBOUR"
	noraID     = "U0NORA"
	openIDLin  = "oLinYue_000000000000000000001"
	userWang   = "wmWangLei00000000000000000001"
	phoneLin   = "+8613912345678"
	phoneOisin = "+353861234567"
)

// jonas as Telegram knows him.
var jonas = telegram.Person{ID: 7100042, FirstName: "Jonas", LastName: "Berger", Username: "jonasb"}

// people are all who have an app or a phone.
type people struct{ lin, linPhone, wang, nora, jonas, oisin *guest }

func newPeople() *people {
	return &people{
		lin: &guest{
			name: "林悦", address: wechat.DefaultAppID + ":" + openIDLin, via: "WeChat", answers: []string{"太好了，谢谢！"},
			write: func(ctx context.Context, t *town, text string) error {
				_, err := t.wechat.Say(ctx, openIDLin, wechat.Message{Type: "text", Text: text})
				return err
			},
		},
		linPhone: &guest{
			name: "Lin Yue", address: phoneLin, via: "SMS", colleague: "Hello Lin, we found your order. The coat leaves today.",
			write: func(ctx context.Context, t *town, text string) error {
				_, err := t.twilio.Receive(ctx, twilio.Inbound{From: phoneLin, To: deskPhone, Body: text})
				return err
			},
		},
		wang: &guest{
			name: "王磊", address: wecom.DefaultCorpID + ":" + userWang, via: "WeCom", answers: []string{"明白了，谢谢您。"},
			write: func(_ context.Context, t *town, text string) error {
				t.wecom.Write(wecom.DefaultKfID, userWang, wecom.Text(text)) //nolint:contextcheck // its calls end with the vendor
				return nil
			},
		},
		nora: &guest{
			name: "Nora Lindqvist", address: slackTeam + ":" + noraID, via: "Slack", answers: []string{"Great, send the offer to me here."},
			write: func(_ context.Context, t *town, text string) error {
				t.noted = t.slack.Say(slack.Post{User: noraID, Text: text})
				return nil
			},
		},
		jonas: &guest{
			name: "Jonas Berger", address: strconv.FormatInt(jonas.ID, 10), via: "Telegram",
			colleague: "Hi Jonas, that is the seam. Wax it once a year and it stays tight.",
			write: func(_ context.Context, t *town, text string) error {
				t.telegram.Text(jonas, text)
				return nil
			},
		},
		oisin: &guest{name: "Oisín Byrne", address: phoneOisin},
	}
}

// byAddress finds them.
func (p *people) byAddress() map[string]*guest {
	all := map[string]*guest{}
	for _, g := range []*guest{p.lin, p.linPhone, p.wang, p.nora, p.jonas, p.oisin} {
		all[g.address] = g
	}
	return all
}

// settle tells the vendors who these people are. Where they have played before,
// Jonas takes back that he had enough of us.
func settle(t *town, again bool) {
	t.wechat.AddFollower(openIDLin, wechat.Profile{Nickname: "林悦"})
	t.wecom.SetUser(userWang, wecom.User{Nickname: "王磊"})
	t.slack.AddUser(slack.User{ID: noraID, Team: slackTeam, Name: "Nora Lindqvist"})
	if again {
		t.telegram.Unblock(jonas)
	}
}

// Lin sends a picture, Nora corrects herself, Oisín calls.

func linSendsPicture(ctx context.Context, t *town) error {
	_, err := t.wechat.Say(ctx, openIDLin, wechat.Message{Type: "image", File: wechat.File{Name: "coat.png", ContentType: "image/png", Data: picture()}})
	return err
}

// inGreen is what Nora meant.
const inGreen = "Hi! Can you make us an offer for 40 rain jackets, in green?"

func noraEdits(_ context.Context, t *town) error {
	t.slack.Edit(slack.Direct(noraID), t.noted, inGreen)
	return nil
}

func jonasSendsPicture(caption string) func(context.Context, *town) error {
	return func(_ context.Context, t *town) error {
		content := picture()
		fields := map[string]any{"caption": caption}
		maps.Copy(fields, telegram.Photo(t.telegram.AddFile("seam.png", content), len(content)))
		t.telegram.Write(jonas, fields)
		return nil
	}
}

// oisinSays it to the answering machine.
const oisinSays = "Hello, this is Oisín Byrne. Please call me back about my return."

func oisinCalls(ctx context.Context, t *town) error {
	_, err := t.twilio.Call(ctx, twilio.Caller{
		From: phoneOisin, To: deskPhone, Voice: []byte("ID3\x04\x00\x00\x00\x00\x00\x00\xff\xfb\x90\x64"), Transcript: oisinSays,
	})
	return err
}

// jonasBlocks lets Telegram refuse the next message to Jonas. That he has
// blocked the bot it tells later, see jonasHasBlocked.
func jonasBlocks(t *town) {
	t.telegram.Faults.Add(fault.Fault{
		Kind: fault.Refuse, Path: "/sendMessage", Status: 403,
		Body: `{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}`,
	})
}

func jonasHasBlocked(t *town) { t.telegram.Block(jonas) }

// picture is a photograph, as far as a few colours go.
func picture() []byte {
	img := image.NewRGBA(image.Rect(0, 0, 240, 160))
	for y := range 160 {
		for x := range 240 {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), 120, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}
