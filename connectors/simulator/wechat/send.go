package wechat

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Sent is something that the account sent to a follower.
type Sent struct {
	At     time.Time
	OpenID string
	// Type is text, image, voice, video, news, msgmenu or template.
	Type string
	// Text of a text, the words before a menu.
	Text string
	// File of an image, a voice, a video.
	File File
	// Title, Description and URL of an article or a video.
	Title, Description, URL string
	// Menu holds the items of a menu by their ids.
	Menu map[string]string
	// Template is the id of a template, Data its fields, MsgID the vendor's.
	Template string
	Data     map[string]string
	MsgID    int64
	// Key is the client_msg_id of a template.
	Key string
}

// Record returns all that was sent, in the order in which it was taken.
func (v *Vendor) Record() []Sent {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.sent)
}

// Typing returns how often the account showed that it was typing.
func (v *Vendor) Typing(openID string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.typing[openID]
}

type content struct {
	ToUser  string                        `json:"touser"`
	Type    string                        `json:"msgtype"`
	Text    *struct{ Content string }     `json:"text"`
	Image   *mediaRef                     `json:"image"`
	Voice   *mediaRef                     `json:"voice"`
	Video   *mediaRef                     `json:"video"`
	News    *struct{ Articles []article } `json:"news"`
	Msgmenu *struct {
		Head string                         `json:"head_content"`
		List []struct{ ID, Content string } `json:"list"`
		Tail string                         `json:"tail_content"`
	} `json:"msgmenu"`
}

type mediaRef struct {
	MediaID     string `json:"media_id"`
	ThumbID     string `json:"thumb_media_id"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

type article struct{ Title, Description, URL, PicURL string }

const (
	maxText = 2048
	maxBody = 64 << 10
)

// unicodeEscape is refused by the vendor: JSON has to be in UTF-8 itself.
var unicodeEscape = regexp.MustCompile(`(^|[^\\])(\\\\)*\\u[0-9a-fA-F]{4}`)

func (v *Vendor) customSend(w http.ResponseWriter, r *http.Request) {
	var c content
	if no := read(r, &c); no.Code != 0 {
		answer(w, no)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s := Sent{At: v.o.Now(), OpenID: c.ToUser, Type: c.Type}
	no := v.fill(&s, &c)
	if no.Code == 0 {
		no = v.spend(c.ToUser)
	}
	if no.Code == 0 {
		no.Message = "ok"
		v.sent = append(v.sent, s)
	}
	answer(w, no)
}

// read reads a JSON body as strictly as the vendor.
func read(r *http.Request, into any) refusal {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil || len(body) > maxBody:
		return refusal{47001, "data format error"}
	case len(body) == 0:
		return refusal{44002, "empty post data"}
	case unicodeEscape.Match(body):
		return refusal{40033, "invalid charset. please check your request, if include \\uxxxx will create fail!"}
	case json.Unmarshal(body, into) != nil:
		return refusal{47001, "data format error"}
	}
	return refusal{}
}

// fill takes a message apart; v.mu is held.
func (v *Vendor) fill(s *Sent, c *content) refusal {
	media := func(m *mediaRef, kind string) refusal {
		if m == nil {
			return refusal{40008, "invalid message type"}
		}
		f, ok := v.files[m.MediaID]
		if !ok || f.kind != kind || v.o.Now().Sub(f.at) > keepFiles {
			return refusal{40007, "invalid media_id"}
		}
		s.File, s.Title, s.Description = f, m.Title, m.Description
		if thumb := v.files[m.ThumbID]; kind == "video" && thumb.kind != "thumb" {
			return refusal{40007, "invalid media_id"}
		}
		return refusal{}
	}
	switch {
	case c.Type == "text" && c.Text != nil:
		s.Text = c.Text.Content
		if s.Text == "" {
			return refusal{44004, "empty content"}
		}
		if len(s.Text) > maxText {
			return refusal{45002, "content size out of limit"}
		}
		return refusal{}
	case c.Type == "image":
		return media(c.Image, "image")
	case c.Type == "voice":
		return media(c.Voice, "voice")
	case c.Type == "video":
		return media(c.Video, "video")
	case c.Type == "news" && c.News != nil:
		if len(c.News.Articles) != 1 {
			return refusal{45008, "article size out of limit"}
		}
		a := c.News.Articles[0]
		s.Title, s.Description, s.URL = a.Title, a.Description, a.URL
		return refusal{}
	case c.Type == "msgmenu" && c.Msgmenu != nil && len(c.Msgmenu.List) > 0:
		s.Text, s.Description, s.Menu = c.Msgmenu.Head, c.Msgmenu.Tail, map[string]string{}
		for _, item := range c.Msgmenu.List {
			s.Menu[item.ID] = item.Content
		}
		return refusal{}
	}
	return refusal{40008, "invalid message type"}
}

func (v *Vendor) customTyping(w http.ResponseWriter, r *http.Request) {
	var in struct{ ToUser, Command string }
	if no := read(r, &in); no.Code != 0 {
		answer(w, no)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch c := v.customers[in.ToUser]; {
	case in.Command != "Typing" && in.Command != "CancelTyping":
		answer(w, refusal{45072, "invalid command"})
	case c == nil || !v.o.Now().Before(c.message.until):
		answer(w, refusal{45080, "no interaction with the user lately"})
	default:
		v.typing[in.ToUser]++
		answer(w, refusal{Message: "ok"})
	}
}

func (v *Vendor) templateSend(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ToUser      string                            `json:"touser"`
		TemplateID  string                            `json:"template_id"`
		Data        map[string]struct{ Value string } `json:"data"`
		ClientMsgID string                            `json:"client_msg_id"`
	}
	if no := read(r, &in); no.Code != 0 {
		answer(w, no)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.customers[in.ToUser]
	switch {
	case !slices.Contains(v.o.Templates, in.TemplateID):
		answer(w, refusal{40037, "invalid template_id"})
		return
	case c == nil:
		answer(w, refusal{40003, "invalid openid"})
		return
	case !c.follows:
		answer(w, refusal{43004, "require subscribe"})
		return
	case len(in.Data) == 0 || len(in.ClientMsgID) > 32:
		answer(w, refusal{47003, "argument invalid"})
		return
	}
	for name, value := range in.Data {
		if value.Value == "" {
			answer(w, refusal{47003, "argument invalid! data." + name + ".value is empty"})
			return
		}
	}
	s := Sent{
		At: v.o.Now(), OpenID: in.ToUser, Type: "template", Template: in.TemplateID, Data: map[string]string{}, Key: in.ClientMsgID,
	}
	for name, value := range in.Data {
		s.Data[name] = value.Value
	}
	for _, before := range v.sent {
		if s.Key != "" && before.Key == s.Key && before.OpenID == s.OpenID && s.At.Sub(before.At) < 10*time.Minute {
			answer(w, templateAnswer(before.MsgID))
			return
		}
	}
	s.MsgID = v.next()
	v.sent = append(v.sent, s)
	answer(w, templateAnswer(s.MsgID))
}

func templateAnswer(id int64) map[string]any {
	return map[string]any{"errcode": 0, "errmsg": "ok", "msgid": json.Number(strconv.FormatInt(id, 10))}
}

// Texts are the texts that a follower got, in order.
func (v *Vendor) Texts(openID string) []string {
	var list []string
	for _, s := range v.Record() {
		if s.OpenID == openID && s.Type == "text" {
			list = append(list, s.Text)
		}
	}
	return list
}
