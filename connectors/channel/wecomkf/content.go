package wecomkf

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// Bounds on a forwarded chat record, which may hold others.
const (
	maxRecordDepth = 3
	maxRecordItems = 200
	maxRecordParts = 50
)

// media are the types whose content has to be fetched. Voice comes as AMR,
// since Stream asks for it so.
var media = map[string]struct {
	kind        normalize.PartKind
	contentType string
}{
	"image": {kind: normalize.PartImage},
	"voice": {kind: normalize.PartAudio, contentType: "audio/amr"},
	"video": {kind: normalize.PartVideo, contentType: "video/mp4"},
	"file":  {kind: normalize.PartFile},
}

// decodeContent makes parts of a message's content. It always returns some:
// what cannot be shown is named.
func decodeContent(msgType string, raw json.RawMessage, depth int) []normalize.Part {
	if m, ok := media[msgType]; ok {
		var c struct {
			MediaID string `json:"media_id"`
		}
		if read(raw, &c) && c.MediaID != "" {
			return []normalize.Part{{Kind: m.kind, Media: &normalize.Media{ContentType: m.contentType, Ref: c.MediaID}}}
		}
	}
	switch msgType {
	case "location":
		var c struct {
			Latitude, Longitude number
			Name, Address       string
		}
		if read(raw, &c) {
			return []normalize.Part{{Kind: normalize.PartLocation, Location: &normalize.Location{
				Latitude: float64(c.Latitude), Longitude: float64(c.Longitude), Name: c.Name, Address: c.Address,
			}}}
		}
	case "business_card":
		var c struct {
			UserID string `json:"userid"`
		}
		if read(raw, &c) && c.UserID != "" {
			return []normalize.Part{{Kind: normalize.PartContact, Contact: &normalize.Contact{Name: c.UserID}}}
		}
	case "merged_msg":
		return decodeRecord(raw, depth)
	case "text":
		var c struct {
			Content string `json:"content"`
		}
		if read(raw, &c) {
			return []normalize.Part{{Kind: normalize.PartText, Text: c.Content}}
		}
	case "msgmenu":
		if s := decodeMenu(raw); s != "" {
			return say(s)
		}
	}
	if d, ok := described[msgType]; ok {
		return say(d.describe(raw))
	}
	return say(fmt.Sprintf("[message of type %q, which can be seen in WeCom only]", msgType))
}

func say(s string) []normalize.Part { return []normalize.Part{{Kind: normalize.PartText, Text: s}} }

func read(raw json.RawMessage, v any) bool { return len(raw) > 0 && json.Unmarshal(raw, v) == nil }

// description is how a type is shown by the words in it.
type description struct {
	name   string
	fields []string // in this order, a line each; those that are missing are left out
}

// described are the types that are shown by their words. WeCom tells of a
// meeting, a schedule and a note only that there is one; should it once tell
// more, their titles are shown.
var described = map[string]description{
	"link":                  {"link", []string{"title", "desc", "url"}},
	"miniprogram":           {"mini program", []string{"title", "appid", "pagepath"}},
	"channels":              {"Channels", []string{"nickname", "title"}},
	"channels_shop_product": {"product in a Channels shop", []string{"title", "sales_price", "shop_nickname", "product_id"}},
	"channels_shop_order":   {"order in a Channels shop", []string{"product_titles", "price_wording", "state", "shop_nickname", "order_id"}},
	"meeting":               {"meeting", []string{"title", "topic"}},
	"schedule":              {"schedule", []string{"title", "subject"}},
	"note":                  {"note", []string{"title"}},
	"business_card":         {"business card", nil},
	"image":                 {"image that WeCom did not hand over", nil},
	"voice":                 {"voice message that WeCom did not hand over", nil},
	"video":                 {"video that WeCom did not hand over", nil},
	"file":                  {"file that WeCom did not hand over", nil},
	"location":              {"location", nil},
	"text":                  {"empty text", nil},
	"msgmenu":               {"menu", nil},
}

// channelsTypes are the sub_types of a Channels message.
var channelsTypes = map[number]string{1: "Channels post", 2: "Channels live stream", 3: "Channels account"}

func (d description) describe(raw json.RawMessage) string {
	var c map[string]words
	if !read(raw, &c) {
		c = nil
	}
	name := d.name
	if d.name == "Channels" {
		var sub struct {
			Type number `json:"sub_type"`
		}
		if read(raw, &sub) && channelsTypes[sub.Type] != "" {
			name = channelsTypes[sub.Type]
		}
	}
	lines := []string{"[" + name + "]"}
	for _, f := range d.fields {
		if v := string(c[f]); v != "" {
			if f == "sales_price" {
				v = price(v)
			}
			lines = append(lines, v)
		}
	}
	return strings.Join(lines, "\n")
}

// price shows fen as yuan.
func price(fen string) string {
	if len(fen) < 3 || strings.Trim(fen, "0123456789") != "" {
		return fen
	}
	return "¥" + fen[:len(fen)-2] + "." + fen[len(fen)-2:]
}

// decodeMenu writes a menu as lines.
func decodeMenu(raw json.RawMessage) string {
	var c struct {
		Head words                        `json:"head_content"`
		Tail words                        `json:"tail_content"`
		List []map[string]json.RawMessage `json:"list"`
	}
	if !read(raw, &c) {
		return ""
	}
	lines := []string{string(c.Head)}
	for _, item := range c.List {
		var kind, content string
		_ = json.Unmarshal(item["type"], &kind)
		var choice struct {
			Content words `json:"content"`
			URL     words `json:"url"`
		}
		if !read(item[kind], &choice) {
			continue
		}
		if content = string(choice.Content); content == "" {
			continue
		}
		if kind != "text" {
			content = "- " + content
		}
		if choice.URL != "" {
			content += " (" + string(choice.URL) + ")"
		}
		lines = append(lines, content)
	}
	lines = append(lines, string(c.Tail))
	return strings.Join(slices.DeleteFunc(lines, func(s string) bool { return s == "" }), "\n")
}

// decodeRecord shows a forwarded chat record: what was said as lines, and the
// media behind them.
func decodeRecord(raw json.RawMessage, depth int) []normalize.Part {
	var c struct {
		Title words `json:"title"`
		Item  []struct {
			SendTime   number `json:"send_time"`
			MsgType    words  `json:"msgtype"`
			SenderName words  `json:"sender_name"`
			MsgContent words  `json:"msg_content"`
		} `json:"item"`
	}
	if !read(raw, &c) {
		return say("[chat record]")
	}
	lines := []string{strings.TrimSpace("[chat record] " + string(c.Title))}
	var behind []normalize.Part
	for i, item := range c.Item {
		if i == maxRecordItems {
			lines = append(lines, fmt.Sprintf("[%d more]", len(c.Item)-i))
			break
		}
		who := string(item.SenderName)
		if t := (&entry{SendTime: item.SendTime}).at(); !t.IsZero() {
			who += " " + t.Format(time.DateTime) + " UTC"
		}
		for _, p := range recordItem(string(item.MsgType), string(item.MsgContent), depth) {
			line := p.Text
			if p.Kind != normalize.PartText {
				line = "[" + string(p.Kind) + "]"
				behind = append(behind, p)
			}
			lines = append(lines, strings.TrimSpace(who)+": "+line)
		}
	}
	return append(say(strings.Join(lines, "\n")), behind[:min(len(behind), maxRecordParts)]...)
}

// recordItem reads the content of one line of a record, which is JSON within a
// string: the content itself, or an entry around it. Some documents of WeCom
// give the line's type as a number; the entry has it in words then.
func recordItem(msgType, content string, depth int) []normalize.Part {
	raw := json.RawMessage(content)
	var around map[string]json.RawMessage
	if read(raw, &around) {
		var inner struct {
			MsgType words `json:"msgtype"`
		}
		if read(raw, &inner) && around[msgType] == nil && inner.MsgType != "" {
			msgType = string(inner.MsgType)
		}
		if around[msgType] != nil {
			raw = around[msgType]
		}
	}
	if msgType == "merged_msg" && depth >= maxRecordDepth {
		return say("[chat record]")
	}
	return decodeContent(msgType, raw, depth+1)
}
