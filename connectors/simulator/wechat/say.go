package wechat

import (
	"context"
	"strconv"
	"strings"
)

// Message is what a follower says. The fields that its Type has are heeded.
type Message struct {
	// Type is text, image, voice, video, shortvideo, location, link or file.
	Type string
	// Text of a text; of a voice, what the vendor recognised of it.
	Text string
	// MenuID is the item of a menu that a text comes from.
	MenuID string
	// File of an image, a voice, a video; of a file, only name and size are told.
	File File
	// Title, Description and URL of a link.
	Title, Description, URL string
	// Latitude, Longitude and Label of a location.
	Latitude, Longitude float64
	Label               string
}

// Event is something that a follower does.
type Event struct {
	// Name as the vendor has it: subscribe, SCAN, CLICK, VIEW, LOCATION ...
	Name string
	// Key is the EventKey: a scene, a menu item's key, a link.
	Key string
	// Extra stands as it is in the document: XML.
	Extra string
}

// Say lets a follower write to the account, and returns the message's id when
// the callback has taken it.
func (v *Vendor) Say(ctx context.Context, openID string, m Message) (id string, err error) {
	v.mu.Lock()
	c := v.customers[openID]
	if c == nil || !c.follows {
		v.mu.Unlock()
		return "", errUnknownCustomer
	}
	if m.MenuID == "" {
		c.message = budget{v.o.Now().Add(messageWindow), messageAnswers}
	} else {
		v.acted(openID) // to the vendor, a tap is a click and no message
	}
	id = strconv.FormatInt(v.next(), 10)
	fields := append(v.head(openID, m.Type), v.body(m)...)
	v.mu.Unlock()
	return id, v.call(ctx, append(fields, "MsgId", id), "")
}

// Happen tells the callback of an event, and returns when it has taken it.
func (v *Vendor) Happen(ctx context.Context, openID string, e Event) error {
	v.mu.Lock()
	switch e.Name {
	case "subscribe", "SCAN", "CLICK", "scancode_push", "scancode_waitmsg":
		v.acted(openID)
	}
	fields := append(v.head(openID, "event"), "Event", e.Name)
	v.mu.Unlock()
	if e.Key != "" {
		fields = append(fields, "EventKey", e.Key)
	}
	return v.call(ctx, fields, e.Extra)
}

// TemplateFinished tells the callback how a template message went: "success",
// "failed:user block" or "failed: system failed".
func (v *Vendor) TemplateFinished(ctx context.Context, openID string, msgID int64, status string) error {
	v.mu.Lock()
	fields := append(v.head(openID, "event"), "Event", "TEMPLATESENDJOBFINISH",
		"MsgID", strconv.FormatInt(msgID, 10), "Status", status)
	v.mu.Unlock()
	return v.call(ctx, fields, "")
}

// head is what every document begins with; v.mu is held.
func (v *Vendor) head(openID, msgType string) []string {
	return []string{
		"ToUserName", "gh_simulated", "FromUserName", openID,
		"CreateTime", strconv.FormatInt(v.o.Now().Unix(), 10), "MsgType", msgType,
	}
}

// body is what a message has besides; v.mu is held.
func (v *Vendor) body(m Message) []string {
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', 6, 64) }
	switch m.Type {
	case "text":
		if m.MenuID != "" {
			return []string{"Content", m.Text, "bizmsgmenuid", m.MenuID}
		}
		return []string{"Content", m.Text}
	case "image":
		id := v.keep(m.File)
		return []string{"PicUrl", v.URL() + "/pictures/" + id, "MediaId", id}
	case "voice":
		return []string{"MediaId", v.keep(m.File), "Format", "amr", "Recognition", m.Text}
	case "video", "shortvideo":
		return []string{"MediaId", v.keep(m.File), "ThumbMediaId", "thumb-" + m.File.Name}
	case "location":
		return []string{"Location_X", number(m.Latitude), "Location_Y", number(m.Longitude), "Scale", "15", "Label", m.Label}
	case "link":
		return []string{"Title", m.Title, "Description", m.Description, "Url", m.URL}
	case "file":
		return []string{
			"Title", m.File.Name, "Description", "", "FileKey", "key", "FileMd5", "md5",
			"FileTotalLen", strconv.Itoa(len(m.File.Data)),
		}
	}
	return nil
}

// write makes a document of names and texts in turn, as the vendor does: words
// go into CDATA as they came, whatever characters they have.
func write(fields []string, extra string) []byte {
	var b strings.Builder
	b.WriteString("<xml>")
	for i := 0; i+1 < len(fields); i += 2 {
		b.WriteString("<" + fields[i] + "><![CDATA[" + strings.ReplaceAll(fields[i+1], "]]>", "]]]]><![CDATA[>") + "]]></" + fields[i] + ">\n")
	}
	b.WriteString(extra + "</xml>")
	return []byte(b.String())
}
