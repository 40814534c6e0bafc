package demo

import (
	"strconv"
	"strings"

	"github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/connectors/simulator/telegram"
	"github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
	"github.com/deskbridge/deskbridge/internal/demo/stage"
)

// guest is a customer with an app or a phone instead of a mailbox.
type guest struct {
	owner     string // whose phone it is
	name      string
	at        stage.Place
	username  string   // at Telegram
	answers   []string // to what our side writes, one after the other
	colleague string   // what the colleague answers to the first message

	replies int
	reached bool // an answer has arrived
}

// Kinds of addresses, as the daemon names them.
const (
	byMail     = "email"
	byPhone    = "phone"
	byWhatsApp = "whatsapp"
	byWeChat   = "wechat"
	byWeCom    = "wecom_kf"
	bySlack    = "slack"
	byTelegram = "telegram"
)

// vias are the names of the channels.
var vias = map[string]string{
	byMail: "e-mail", byPhone: "SMS", byWhatsApp: "WhatsApp", byWeChat: "WeChat", byWeCom: "WeCom", bySlack: "Slack", byTelegram: "Telegram",
}

const slackTeam = "T0HARBOUR"

func atWeChat(openID string) stage.Place {
	return stage.Place{Kind: byWeChat, Value: wechat.DefaultAppID + ":" + openID}
}

func atWeCom(user string) stage.Place {
	return stage.Place{Kind: byWeCom, Value: wecom.DefaultCorpID + ":" + user}
}

func atSlack(user string) stage.Place {
	return stage.Place{Kind: bySlack, Value: slackTeam + ":" + user}
}

func atTelegram(id int64) stage.Place {
	return stage.Place{Kind: byTelegram, Value: strconv.FormatInt(id, 10)}
}

// own is the part of an address that the vendor's customer has.
func (g *guest) own() string { return g.at.Value[strings.IndexByte(g.at.Value, ':')+1:] }

// person is a guest as Telegram knows them.
func (g *guest) person() telegram.Person {
	id, _ := strconv.ParseInt(g.at.Value, 10, 64) // it is of our own making
	first, last, _ := strings.Cut(g.name, " ")
	return telegram.Person{ID: id, FirstName: first, LastName: last, Username: g.username}
}

// people are all who have an app or a phone.
type people struct{ lin, linPhone, wang, nora, jonas, oisin, amara *guest }

func newPeople() *people {
	return &people{
		lin: &guest{
			owner: "lin", name: "林悦", at: atWeChat("oLinYue_000000000000000000001"),
			answers: []string{"太好了，谢谢！大概什么时候能到？", "好的，麻烦您了。"},
		},
		linPhone: &guest{
			owner: "lin", name: "Lin Yue", at: stage.Place{Kind: byPhone, Value: "+8613912345678"},
			colleague: "Hello Lin, we found your order. The coat leaves today.",
		},
		wang: &guest{
			owner: "wang", name: "王磊", at: atWeCom("wmWangLei00000000000000000001"),
			answers: []string{"明白了。小码还有黑色的吗？", "好的，谢谢您。"},
		},
		nora: &guest{
			owner: "nora", name: "Nora Lindqvist", at: atSlack("U0NORA"),
			answers: []string{"Great! Can you deliver before the 12th?", "Perfect, please send the offer to me here."},
		},
		jonas: &guest{
			owner: "jonas", name: "Jonas Berger", username: "jonasb", at: atTelegram(7100042),
			colleague: "Hi Jonas, that is the seam. Wax it once a year and it stays tight.",
		},
		oisin: &guest{owner: "oisin", name: "Oisín Byrne", at: stage.Place{Kind: byPhone, Value: "+353861234567"}},
		amara: &guest{
			owner: "amara", name: "Amara Okafor", at: stage.Place{Kind: byWhatsApp, Value: "+447700900123"},
			answers: []string{"Wow, that was quick! Shall I send the broken one back?", "Perfect, thank you so much ☂️"},
		},
	}
}

// The visitor's customer, who has every app, and one number for all.
const (
	visitorID    = "you"
	visitorName  = "Alex Kim"
	visitorMail  = "alex@kim.example"
	visitorPhone = "+12025550142"
)

func newVisitor() (*customer, []*guest) {
	mail := &customer{owner: visitorID, name: visitorName, address: visitorMail}
	var lines []*guest
	for _, at := range []stage.Place{
		{Kind: byPhone, Value: visitorPhone},
		{Kind: byWhatsApp, Value: visitorPhone},
		atWeChat("oAlexKim_00000000000000000001"),
		atWeCom("wmAlexKim00000000000000000001"), atSlack("U0ALEX"), atTelegram(7100099),
	} {
		lines = append(lines, &guest{owner: visitorID, name: visitorName, username: "alexk", at: at})
	}
	return mail, lines
}

func (p *people) all() []*guest {
	return []*guest{p.lin, p.linPhone, p.wang, p.nora, p.jonas, p.oisin, p.amara}
}

// settle tells the vendors who these people are. Where they have played before,
// Jonas takes back that he had enough of us.
func settle(t *town, guests []*guest, again bool) {
	for _, g := range guests {
		switch g.at.Kind {
		case byWeChat:
			t.wechat.AddFollower(g.own(), wechat.Profile{Nickname: g.name})
		case byWeCom:
			t.wecom.SetUser(g.own(), wecom.User{Nickname: g.name})
		case bySlack:
			t.slack.AddUser(slack.User{ID: g.own(), Team: slackTeam, Name: g.name})
		case byTelegram:
			if again {
				t.telegram.Unblock(g.person())
			}
		}
	}
}
