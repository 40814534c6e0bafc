package wechat

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/silenceper/wechat/v2/officialaccount/message"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const pathTemplate = "/cgi-bin/message/template/send"

// fieldLengths are how many characters the vendor takes in a field, by the
// letters of its name (developers.weixin.qq.com/doc/service/guide/product/template_message/field.html).
// Fields of older templates, such as keyword1, have other names and no limit
// that is documented.
var fieldLengths = map[string]int{
	"thing": 20, "const": 20, "character_string": 32, "letter": 32, "symbol": 5, "number": 32,
	"phrase": 5, "name": 10, "phone_number": 17, "car_number": 8,
}

const otherFieldLength = 200

// nobody stands for {agent} where an answer has no author: the vendor refuses
// fields that are empty. It means customer service.
const nobody = "客服"

// beijing is the time zone that the vendor's customers live in.
var beijing = time.FixedZone("CST", 8*60*60)

// sendTemplate carries a text within the configured template. The vendor
// recognises a repeat of the same key within ten minutes, which is too short to
// call it idempotent.
func (w *WeChat) sendTemplate(ctx context.Context, openID string, o *channel.Outbound, begin func(context.Context) error) (channel.Sent, error) {
	key := sha256.Sum256([]byte(o.Key))
	m := &message.TemplateMessage{
		ToUser: openID, TemplateID: w.cfg.template(),
		ClientMsgID: hex.EncodeToString(key[:16]),
		Data:        map[string]*message.TemplateDataItem{},
	}
	sent := channel.Sent{Detail: "sent within a template, since the reply window has closed"}
	part := &o.Parts[0]
	values := map[string]string{
		"{text}": text.CleanLine(text.Render(part.Text, part.HTML, normalize.MarkupPlain)),
		"{time}": w.deps.Clock.Now().In(beijing).Format("2006-01-02 15:04"),
	}
	if a := o.Message.Author; a != nil {
		values["{agent}"] = text.CleanLine(a.Name)
	}
	values["{agent}"] = cmp.Or(values["{agent}"], nobody)
	for field, pattern := range w.cfg.templateData() {
		whole := expand(pattern, values)
		words := text.Truncate(whole, fieldLength(field))
		if words != whole && strings.Contains(pattern, "{text}") {
			sent.Detail += "; the text was cut to " + strconv.Itoa(fieldLength(field)) + " characters"
		}
		m.Data[field] = &message.TemplateDataItem{Value: words}
	}
	var answer struct {
		MsgID int64 `json:"msgid"`
	}
	if err := w.client.Call(ctx, tencent.Request{Path: pathTemplate, In: m, Out: &answer, Begin: begin}); err != nil {
		return channel.Sent{}, err
	}
	sent.ExternalID = templateID(strconv.FormatInt(answer.MsgID, 10))
	return sent, nil
}

func expand(pattern string, values map[string]string) string {
	return strings.NewReplacer("{text}", values["{text}"], "{time}", values["{time}"], "{agent}", values["{agent}"]).Replace(pattern)
}

func fieldLength(field string) int {
	if n, ok := fieldLengths[strings.TrimRight(field, "0123456789")]; ok {
		return n
	}
	return otherFieldLength
}
