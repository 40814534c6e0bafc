package wecomkf

import (
	"context"

	"github.com/silenceper/wechat/v2/work/kf/sendmsg"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// compose writes the body of send_msg for the one part of o. It may upload
// files, which can be repeated.
func (w *WecomKf) compose(ctx context.Context, o *channel.Outbound, head sendmsg.Message) (any, error) {
	part := o.Parts[0]
	switch {
	case part.Kind == normalize.PartText:
		return w.composeText(ctx, part, head)
	case part.Kind == normalize.PartLocation && part.Location != nil:
		return composeLocation(part.Location, head), nil
	case part.Media == nil:
		return nil, connectors.Errorf(connectors.Unsupported, "", "WeCom cannot carry a part of kind %s", part.Kind)
	}
	msgType, id, err := w.uploadPart(ctx, o, part.Media)
	if err != nil {
		return nil, err
	}
	content := map[string]string{"media_id": id}
	return map[string]any{
		"touser": head.ToUser, "open_kfid": head.OpenKFID, "msgid": head.MsgID, "msgtype": msgType, msgType: content,
	}, nil
}

// location is that of the SDK with as many digits as we have.
type location struct {
	sendmsg.Message
	MsgType  string `json:"msgtype"`
	Location struct {
		Latitude  float64 `json:"latitude"`
		Longitude float64 `json:"longitude"`
		Name      string  `json:"name"`
		Address   string  `json:"address"`
	} `json:"location"`
}

func composeLocation(l *normalize.Location, head sendmsg.Message) any {
	m := location{Message: head, MsgType: "location"}
	m.Location.Latitude, m.Location.Longitude = l.Latitude, l.Longitude
	m.Location.Name, m.Location.Address = l.Name, l.Address
	return m
}

// composeText writes a text as what its rich form is: a card, a menu,
// or just words.
func (w *WecomKf) composeText(ctx context.Context, part normalize.Part, head sendmsg.Message) (any, error) {
	doc := parseRich(part.HTML)
	if link, ok := doc.onlyLink(); ok {
		if card, err := w.composeCard(ctx, link, head); card != nil || err != nil {
			return card, err
		}
	}
	if menu, ok := doc.menu(); ok {
		return composeMenu(menu, head), nil
	}
	says := text.Render(part.Text, part.HTML, normalize.MarkupPlain)
	if len(says) > maxText {
		says = part.Text // the addresses behind the links made it too long
	}
	switch {
	case says == "":
		return nil, connectors.Errorf(connectors.Rejected, "", "the text is empty")
	case len(says) > maxText:
		return nil, connectors.Errorf(connectors.Rejected, "", "the text has %d bytes, WeCom takes %d", len(says), maxText)
	}
	m := sendmsg.Text{Message: head, MsgType: "text"}
	m.Text.Content = says
	return m, nil
}

func composeMenu(menu menu, head sendmsg.Message) any {
	m := sendmsg.Menu{Message: head, MsgType: "msgmenu"}
	m.MsgMenu.HeadContent, m.MsgMenu.TailContent = menu.head, menu.tail
	for _, link := range menu.links {
		if id := link.choice(); id != "" {
			c := sendmsg.MenuClick{Type: "click"}
			c.Click.ID, c.Click.Content = id, link.words
			m.MsgMenu.List = append(m.MsgMenu.List, c)
			continue
		}
		v := sendmsg.MenuView{Type: "view"}
		v.View.URL, v.View.Content = link.address, link.words
		m.MsgMenu.List = append(m.MsgMenu.List, v)
	}
	return m
}
