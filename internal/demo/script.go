package demo

import (
	"context"
	"time"
)

// customer is somebody who writes, with a mailbox on the demo's mail system.
type customer struct {
	owner         string // whose phone shows the mail; "" for a machine's
	name, address string
	charset       string   // of this customer's mail; "" is UTF-8
	answers       []string // to what our side writes, one after the other
	away          string   // an automatic answer, sent once
	full          bool     // the mailbox takes nothing: mail bounces
}

// letter is one mail of the script.
type letter struct {
	from       *customer
	subject    string
	text, html string
	quoted     string // what it answers, below the text
	file       *attachment
	follows    bool // answers the customer's own last letter
	automatic  bool // sent by a machine (RFC 3834)
	nested     int  // multiparts within each other: more than anyone can read
	colleague  string
}

type attachment struct {
	name, contentType string
	content           []byte
}

// colleague answers some letters, so that a visitor sees an answer leave
// before writing one.
const colleague = "Mia Berg"

// inGreen is what Nora meant, oisinSays what Oisín says to the answering machine.
const (
	inGreen   = "Hi! Can you make us an offer for 40 rain jackets, in green?"
	oisinSays = "Hello, this is Oisín Byrne. Please call me back about my return."
)

const linAddress = "lin.yue@youxiang.example"

const (
	deskAddress = "support@rainworks.example"
	deskName    = "Rainworks Support"
)

// pdf is a small but complete document.
const pdf = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n" +
	"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

// script returns the story.
func script(p *people) []scene {
	anna := &customer{owner: "anna", name: "Anna Weber", address: "anna.weber@post.example", answers: []string{
		"Das ging ja schnell, vielen Dank! Muss ich die falsche Jacke frankieren?",
		"Alles klar. Einen schönen Tag noch!",
	}}
	james := &customer{owner: "james", name: "James O'Connor", address: "james@oconnor.example", answers: []string{
		"Brilliant, thank you. Could you gift-wrap one of them?",
		"Cheers!",
	}}
	chen := &customer{owner: "chen", name: "陈晓", address: "chen.xiao@youxiang.example", charset: "GB18030", answers: []string{
		"收到，谢谢！麻烦把新发票发到这个邮箱。",
		"好的，谢谢。",
	}}
	misaki := &customer{owner: "misaki", name: "田中 美咲", address: "misaki@tanaka.example", charset: "ISO-2022-JP", answers: []string{
		"ご返信ありがとうございます。その方法でお願いいたします。",
		"よろしくお願いいたします。",
	}}
	tomas := &customer{
		owner: "tomas", name: "Tomás García", address: "tomas@garcia.example",
		away:    "Estoy fuera de la oficina hasta el lunes. Leeré su mensaje a mi vuelta.",
		answers: []string{"", "Muchas gracias, ya he vuelto y ha llegado todo."},
	}
	lukas := &customer{owner: "lukas", name: "Lukáš Novák", address: "lukas@novak.example", full: true}
	priya := &customer{owner: "priya", name: "Priya Nair", address: "priya.nair@mailbox.example", answers: []string{
		"Perfect, that answers it. You people are quick!",
	}}
	shop := &customer{name: "Parcel Notifications", address: "no-reply@parcels.example"}
	scanner := &customer{name: "Office Scanner", address: "scan@copyroom.example"}
	linMail := &customer{owner: "lin", name: "Lin Yue", address: linAddress, answers: []string{"Thank you, that is very kind."}}
	mallory := &customer{owner: "mallory", name: "Mallory", address: "mallory@odd.example", answers: []string{"Never mind."}}

	return []scene{
		writes(500*time.Millisecond, letter{
			from: anna, subject: "Bestellung 4711: falsche Größe geliefert",
			text: "Guten Tag,\n\nich habe die Regenjacke „Sylt“ in L bestellt, geliefert wurde XL. Können Sie sie umtauschen? " +
				"Der Lieferschein hängt an.\n\nViele Grüße\nAnna Weber\n",
			file: &attachment{"Lieferschein-4711.pdf", "application/pdf", []byte(pdf)},
		}),
		says(4*time.Second, p.lin, "你好！我三天前订的雨衣（订单 4720）还没有发货，能帮我查一下吗？", nil),
		says(2*time.Second, p.lin, "", coat()),
		says(4*time.Second, p.amara, "Hi! My umbrella arrived with a broken rib. Can you send a new one?", umbrella()),
		writes(5*time.Second, letter{
			from: tomas, subject: "¿Cuándo llega mi pedido?", colleague: "¡Hola Tomás! Su pedido salió ayer y llega el miércoles.",
			text: "Buenos días, hice el pedido 4698 hace una semana y todavía no sé nada. ¿Me pueden decir cuándo llega?\n",
		}),
		says(5*time.Second, p.nora, "Hi! Can you make us an offer for 40 rain jackets, in blue?", nil),
		waits(func(d *director) bool { return d.board.of(p.nora.at) != nil }, corrects(4*time.Second, p.nora, inGreen)),
		writes(5*time.Second, letter{
			from: chen, subject: "发票抬头开错了",
			text: "您好：\n\n订单 4702 的发票抬头写成了我的个人姓名，能否改成公司名称「上海晓晨贸易有限公司」并重新开具？\n\n谢谢，\n陈晓\n",
		}),
		writes(5*time.Second, letter{
			from: scanner, subject: "Scan 0017", nested: 300,
			text: "(this page intentionally nested)\n",
		}),
		says(5*time.Second, p.jonas, "Is the seam meant to look like this?", seam()),
		says(5*time.Second, p.linPhone, "Hi, this is Lin Yue. I asked on WeChat about order 4720. Is it on its way?", nil),
		says(5*time.Second, p.wang, "请问这款风衣有小码吗？", nil),
		writes(5*time.Second, letter{
			from: mallory, subject: "I will clear your screen \x1b[2J\x1b]0;owned\x07\u202egpj.exe",
			text: "A message whose words \x1b[31mtry to steer\x1b[0m the terminal they are shown in.\n",
		}),
		writes(5*time.Second, letter{
			from: james, subject: "Do you ship to the Aran Islands?",
			text: "Hi there, I saw your winter coats and love them. Do you ship to Inis Mór, and how long does it take?\n\nJames\n",
			html: "<p>Hi there, I saw your <b>winter coats</b> and love them. Do you ship to Inis Mór, and how long does it take?</p>" +
				`<p>James</p><img src="http://tracker.example/open.gif?id=4242" width="1" height="1">`,
		}),
		calls(5*time.Second, p.oisin, oisinSays),
		writes(5*time.Second, letter{
			from: lukas, subject: "Complaint about order 4655", colleague: "Dear Lukáš, we are sorry. A replacement is on its way to you.",
			text: "The zip of the jacket broke on the second day. What can you do about it?\n",
		}),
		writes(5*time.Second, letter{
			from: misaki, subject: "返品について",
			text: "お世話になっております。\n\n先日購入したレインブーツのサイズが合いませんでした。返品の手続きを教えていただけますでしょうか。\n\n田中 美咲\n",
		}),
		writes(5*time.Second, letter{
			from: linMail, subject: "Order 4720",
			text: "Dear team,\n\nI wrote on WeChat and by SMS already: where is the coat of order 4720?\n\nLin Yue\n",
		}),
		waits((*director).linIsKnown, does(4*time.Second, func(ctx context.Context, d *director) { d.mergeLin(ctx) })),
		does(4*time.Second, func(ctx context.Context, d *director) { d.linIsOutOfReach(ctx) }),
		writes(5*time.Second, letter{
			from: shop, subject: "Parcel 00340434 was delivered", automatic: true,
			text: "Your parcel was handed over to a neighbour. Do not reply to this message.\n",
		}),
		writes(5*time.Second, letter{
			from: priya, subject: "Size chart",
			text: "Hello, is your M closer to EU 38 or 40?\n",
		}),
		writes(4*time.Second, letter{
			from: priya, subject: "Re: Size chart", follows: true,
			text: "Sorry, I forgot to say: it is about the trench coat.\n",
		}),
		waits(func(*director) bool { return p.jonas.reached }, does(5*time.Second, func(ctx context.Context, d *director) { d.jonasIsGone(ctx) })),
	}
}
