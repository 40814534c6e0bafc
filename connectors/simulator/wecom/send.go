package wecom

import (
	"encoding/json"
	"regexp"
	"slices"
	"time"
)

// Sent is what the API sent to a customer.
type Sent struct {
	MsgID, OpenKfID, User, MsgType string
	// Text is that of a text, or what stands above a menu.
	Text string
	// Content is the whole, as it was requested.
	Content json.RawMessage
	// File is what a medium holds.
	File []byte
	At   time.Time
	// OnEvent: it was sent by a code, such as a greeting.
	OnEvent bool
	// Recalled: it was taken back.
	Recalled bool
}

var msgID = regexp.MustCompile(`^[0-9a-zA-Z_-]{1,32}$`)

// Bounds in bytes (developer.work.weixin.qq.com/document/path/94677).
const (
	maxText    = 2048
	maxHead    = 1024
	maxEntries = 10
)

// request is the body of send_msg and send_msg_on_event.
type request struct {
	ToUser   string `json:"touser"`
	OpenKfID string `json:"open_kfid"`
	Code     string `json:"code"`
	MsgID    string `json:"msgid"`
	MsgType  string `json:"msgtype"`
	content  json.RawMessage
}

func readRequest(body []byte) (request, *refusal) {
	var r request
	if no := read(body, &r); no != nil {
		return r, no
	}
	var fields map[string]json.RawMessage
	if no := read(body, &fields); no != nil {
		return r, no
	}
	r.content = fields[r.MsgType]
	if r.MsgID != "" && !msgID.MatchString(r.MsgID) {
		return r, deny(40058, "invalid msgid")
	}
	return r, nil
}

func (s *Server) sendMsg(body []byte) (any, *refusal) {
	r, no := readRequest(body)
	if no != nil {
		return nil, no
	}
	if !s.knows(r.OpenKfID) {
		return nil, deny(95004, "open_kfid not exist")
	}
	now := s.o.Now()
	c := s.session(r.OpenKfID, r.ToUser)
	switch {
	case c == nil:
		return nil, deny(40096, "invalid external userid")
	case now.Sub(c.last) >= windowTime:
		return nil, deny(95002, "send msg time limit")
	case c.stateAt(now) > StateAssistant:
		return nil, deny(95018, "send msg session status invalid")
	case c.left == 0:
		return nil, deny(95001, "send msg count limit")
	}
	sent, no := s.check(r)
	if no != nil {
		return nil, no
	}
	if r.MsgID != "" && slices.ContainsFunc(s.sent, func(m Sent) bool { return m.MsgID == r.MsgID && m.OpenKfID == r.OpenKfID }) {
		return nil, deny(40058, "msgid is used already")
	}
	c.left--
	return s.keep(sent, now), nil
}

// sendOnEvent sends by a code, once.
func (s *Server) sendOnEvent(body []byte) (any, *refusal) {
	r, no := readRequest(body)
	if no != nil {
		return nil, no
	}
	now := s.o.Now()
	c := s.codes[r.Code]
	if c == nil || c.used || !now.Before(c.until) {
		return nil, deny(40058, "invalid code")
	}
	if r.MsgType != "text" && r.MsgType != "msgmenu" {
		return nil, deny(40008, "invalid message type")
	}
	r.ToUser, r.OpenKfID = c.user, c.kfID
	sent, no := s.check(r)
	if no != nil {
		return nil, no
	}
	c.used, sent.OnEvent = true, true
	s.session(c.kfID, c.user).greeted = now
	return s.keep(sent, now), nil
}

func (s *Server) keep(sent Sent, now time.Time) any {
	sent.At = now
	if sent.MsgID == "" {
		sent.MsgID = s.id("vendor-msg-")
	}
	s.sent = append(s.sent, sent)
	return map[string]any{"msgid": sent.MsgID}
}

// check holds a message against the bounds of its type.
func (s *Server) check(r request) (Sent, *refusal) {
	sent := Sent{MsgID: r.MsgID, OpenKfID: r.OpenKfID, User: r.ToUser, MsgType: r.MsgType, Content: r.content}
	var c struct {
		Content      string            `json:"content"`
		MediaID      string            `json:"media_id"`
		ThumbMediaID string            `json:"thumb_media_id"`
		Title        string            `json:"title"`
		URL          string            `json:"url"`
		AppID        string            `json:"appid"`
		PagePath     string            `json:"pagepath"`
		HeadContent  string            `json:"head_content"`
		TailContent  string            `json:"tail_content"`
		List         []json.RawMessage `json:"list"`
		Latitude     *float64          `json:"latitude"`
		Longitude    *float64          `json:"longitude"`
	}
	if no := read(r.content, &c); no != nil {
		return sent, no
	}
	switch r.MsgType {
	case "text":
		sent.Text = c.Content
		switch {
		case c.Content == "":
			return sent, deny(44004, "empty content")
		case len(c.Content) > maxText:
			return sent, deny(45002, "content size out of limit")
		}
	case "image", "voice", "video", "file":
		m, no := s.medium(c.MediaID, r.MsgType)
		sent.File = m.data
		return sent, no
	case "link":
		if c.Title == "" || c.URL == "" {
			return sent, deny(40058, "link.title or link.url is empty")
		}
		_, no := s.medium(c.ThumbMediaID, "image")
		return sent, no
	case "miniprogram":
		if c.AppID == "" || c.PagePath == "" {
			return sent, deny(40058, "miniprogram.appid or pagepath is empty")
		}
		_, no := s.medium(c.ThumbMediaID, "image")
		return sent, no
	case "msgmenu":
		sent.Text = c.HeadContent
		switch {
		case len(c.List) > maxEntries:
			return sent, deny(95008, "menu item count out of limit")
		case len(c.HeadContent) > maxHead || len(c.TailContent) > maxHead:
			return sent, deny(40058, "menu content size out of limit")
		}
	case "location":
		if c.Latitude == nil || c.Longitude == nil {
			return sent, deny(40058, "latitude or longitude is missing")
		}
	default:
		return sent, deny(40008, "invalid message type")
	}
	return sent, nil
}

// recallMsg takes a message of the last two minutes back.
func (s *Server) recallMsg(body []byte) (any, *refusal) {
	var in struct {
		MsgID    string `json:"msgid"`
		OpenKfID string `json:"open_kfid"`
	}
	if no := read(body, &in); no != nil {
		return nil, no
	}
	for i := range s.sent {
		m := &s.sent[i]
		if m.MsgID == in.MsgID && m.OpenKfID == in.OpenKfID && s.o.Now().Sub(m.At) < 2*time.Minute {
			m.Recalled = true
			return struct{}{}, nil
		}
	}
	return nil, deny(40058, "the message cannot be recalled")
}
