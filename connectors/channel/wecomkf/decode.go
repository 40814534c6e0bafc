package wecomkf

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
)

// Origins of a message.
const (
	originCustomer = 3
	originSystem   = 4
	originServicer = 5
)

// metaSource is the key in an input's Meta that tells what it is. Without it,
// the input is an entry of msg_list as WeCom returned it.
const metaSource = "source"

const (
	sourceCall     = "call"     // WeCom's call, decrypted
	sourceGreeting = "greeting" // what we sent by a welcome code, in the shape of an entry
)

// A customer's message may be answered for so long, and so often, by the
// service account to which it was written
// (developer.work.weixin.qq.com/document/path/94677).
const (
	windowTime    = 48 * time.Hour
	windowAnswers = 5
)

// entry is what all entries of msg_list have. The content stands under the
// name of its type.
type entry struct {
	MsgID          string `json:"msgid"`
	OpenKfID       string `json:"open_kfid"`
	ExternalUserID string `json:"external_userid"`
	ServicerUserID string `json:"servicer_userid"`
	SendTime       number `json:"send_time"`
	Origin         number `json:"origin"`
	MsgType        string `json:"msgtype"`
	Event          *event `json:"event"`
}

func (e *entry) at() time.Time {
	if !(e.SendTime > 0) || e.SendTime > math.MaxUint32 {
		return time.Time{}
	}
	return time.Unix(int64(e.SendTime), 0).UTC()
}

// Decode reads one entry of msg_list, one call, or one greeting of ours.
func (w *WecomKf) Decode(in normalize.Input) (normalize.Item, error) {
	if in.Meta[metaSource] == sourceCall {
		return decodeCall(in)
	}
	var e entry
	if err := json.Unmarshal(in.Raw, &e); err != nil {
		return nil, fmt.Errorf("no entry of sync_msg: %w", err)
	}
	if e.MsgType == "event" {
		return w.decodeEvent(&e)
	}
	m, err := w.message(&e)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Meta[metaSource] == sourceGreeting:
		m.Direction, m.Automated = normalize.Outbound, true
	case e.Origin == originCustomer:
		m.ReplyWindow = &normalize.ReplyWindow{Until: m.SentAt.Add(windowTime), Remaining: windowAnswers, PerThread: true}
		if m.SentAt.IsZero() {
			m.ReplyWindow.Until = in.ReceivedAt.Add(windowTime)
		}
	case e.Origin == originServicer:
		m.Direction, m.Author = normalize.Outbound, servicer(e.ServicerUserID)
	default:
		return nil, fmt.Errorf("unknown_origin: %v is neither a customer, the system nor a servicer", e.Origin)
	}
	var content map[string]json.RawMessage
	if err := json.Unmarshal(in.Raw, &content); err != nil {
		return nil, err
	}
	m.Parts = decodeContent(e.MsgType, content[e.MsgType], 0)
	m.Text = textOf(m.Parts)
	return m, nil
}

// Peek says who wrote an entry that Decode could not read.
func (w *WecomKf) Peek(in normalize.Input) *normalize.Message {
	var e entry
	// An entry that is not as documented in one place may be read in others.
	_ = json.Unmarshal(in.Raw, &e)
	m, err := w.message(&e)
	if err != nil {
		return nil
	}
	return m
}

// message returns what all messages have.
func (w *WecomKf) message(e *entry) (*normalize.Message, error) {
	if e.ExternalUserID == "" || e.OpenKfID == "" || e.MsgID == "" {
		return nil, errors.New("incomplete: msgid, open_kfid or external_userid is missing")
	}
	return &normalize.Message{
		Direction: normalize.Inbound, Address: w.customer(e.ExternalUserID), ExternalID: e.MsgID, SentAt: e.at(),
		// A customer's chats with two service accounts are two conversations.
		Thread: normalize.Thread{ID: e.OpenKfID, Key: e.OpenKfID},
	}, nil
}

// servicer is an employee who writes in WeCom's own app. Their name is not
// told, only their id in the company's directory.
func servicer(userID string) *normalize.Author {
	if userID == "" {
		return &normalize.Author{Name: "a servicer in WeCom"}
	}
	return &normalize.Author{Name: userID}
}

// textOf joins what the text parts say.
func textOf(parts []normalize.Part) string {
	var s string
	for _, p := range parts {
		if p.Kind != normalize.PartText || p.Text == "" {
			continue
		}
		if s != "" {
			s += "\n\n"
		}
		s += p.Text
	}
	return s
}

// call is the content of WeCom's call
// (developer.work.weixin.qq.com/document/path/94670).
type call struct {
	MsgType  string `xml:"MsgType"`
	Event    string `xml:"Event"`
	Token    string `xml:"Token"`
	OpenKfID string `xml:"OpenKfId"`
}

func (c *call) isNews() bool { return c.MsgType == "event" && c.Event == "kf_msg_or_event" }

// decodeCall reads a call that did not lead to a pull.
func decodeCall(in normalize.Input) (normalize.Item, error) {
	var c call
	if err := tencent.Unmarshal(in.Raw, &c); err != nil {
		return nil, err
	}
	if c.isNews() {
		return &normalize.Ignored{Reason: "other_account"}, nil
	}
	return &normalize.Ignored{Reason: "app_event"}, nil
}
