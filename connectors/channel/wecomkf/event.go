package wecomkf

import (
	"errors"
	"strconv"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
)

// event is what is told beside messages. Its fields are those of all kinds
// (developer.work.weixin.qq.com/document/path/94670).
type event struct {
	Type           string `json:"event_type"`
	OpenKfID       string `json:"open_kfid"`
	ExternalUserID string `json:"external_userid"`

	// enter_session
	Scene       words `json:"scene"`
	SceneParam  words `json:"scene_param"`
	WelcomeCode words `json:"welcome_code"`
	Channels    struct {
		Nickname     words `json:"nickname"`
		ShopNickname words `json:"shop_nickname"`
	} `json:"wechat_channels"`

	// msg_send_fail
	FailMsgID string `json:"fail_msgid"`
	FailType  number `json:"fail_type"`

	// session_status_change
	ChangeType  number `json:"change_type"`
	OldServicer string `json:"old_servicer_userid"`
	NewServicer string `json:"new_servicer_userid"`

	// user_recall_msg, servicer_recall_msg
	RecallMsgID string `json:"recall_msgid"`

	// reject_customer_msg_switch_change
	ServicerUserID string `json:"servicer_userid"`
	RejectSwitch   number `json:"reject_switch"`
}

func (w *WecomKf) decodeEvent(e *entry) (normalize.Item, error) {
	ev := e.Event
	if ev == nil {
		return nil, errors.New("incomplete: an event without its content")
	}
	switch ev.Type {
	case "enter_session":
		return w.entered(e)
	case "msg_send_fail":
		return ev.failure(e), nil
	case "session_status_change":
		return w.sessionChange(e)
	case "user_recall_msg", "servicer_recall_msg":
		return &normalize.Delete{Target: ev.RecallMsgID, At: e.at()}, nil
	case "reject_customer_msg_switch_change":
		if ev.RejectSwitch == 1 {
			return w.happened(e, "customer_muted", "the servicer refuses this customer's messages in WeCom", servicer(ev.ServicerUserID))
		}
		return w.happened(e, "customer_unmuted", "the servicer takes this customer's messages again in WeCom", servicer(ev.ServicerUserID))
	case "servicer_status_change":
		return &normalize.Ignored{Reason: "servicer_status"}, nil
	}
	return &normalize.Ignored{Reason: "unknown_event"}, nil
}

// happened is an event on the customer's timeline that nobody has to answer. by
// is the servicer who caused it, nil for the customer.
func (w *WecomKf) happened(e *entry, name, says string, by *normalize.Author) (normalize.Item, error) {
	// The ids of an event stand within it.
	m, err := w.message(&entry{MsgID: e.MsgID, OpenKfID: e.Event.OpenKfID, ExternalUserID: e.Event.ExternalUserID, SendTime: e.SendTime})
	if err != nil {
		return nil, err
	}
	if by != nil {
		m.Direction, m.Author = normalize.Outbound, by
	}
	m.Thread.Quiet = true
	m.Parts = []normalize.Part{{Kind: normalize.PartEvent, Event: name, Text: says}}
	return m, nil
}

// entered tells that a customer opened the chat. That alone allows no answer
// but the greeting; what an earlier message allows goes on.
func (w *WecomKf) entered(e *entry) (normalize.Item, error) {
	item, err := w.happened(e, "entered", e.Event.arrival(), nil)
	if m, ok := item.(*normalize.Message); ok {
		// One that is over, and not one of no answers, which would end what an
		// earlier message allows.
		m.ReplyWindow = &normalize.ReplyWindow{Until: m.SentAt, Remaining: -1, PerThread: true}
	}
	return item, err
}

// arrival says by which way the customer came.
func (ev *event) arrival() string {
	var from []string
	for _, f := range []struct{ name, value string }{
		{"scene", string(ev.Scene)},
		{"parameter", string(ev.SceneParam)},
		{"channel", string(ev.Channels.Nickname)},
		{"shop", string(ev.Channels.ShopNickname)},
	} {
		if f.value != "" {
			from = append(from, f.name+": "+f.value)
		}
	}
	return strings.Join(from, ", ")
}

// sessionChange tells what a servicer did with a conversation in WeCom's app.
func (w *WecomKf) sessionChange(e *entry) (normalize.Item, error) {
	from, to := e.Event.OldServicer, e.Event.NewServicer
	switch e.Event.ChangeType {
	case 1:
		return w.happened(e, "session_accepted", to+" took the conversation in WeCom; it can be answered there only", servicer(to))
	case 2:
		return w.happened(e, "session_transferred", from+" handed the conversation to "+to+" in WeCom", servicer(from))
	case 3:
		return w.happened(e, "session_ended", from+" ended the conversation in WeCom; the customer has to write again", servicer(from))
	case 4:
		return w.happened(e, "session_resumed", to+" took the conversation up again in WeCom", servicer(to))
	}
	return &normalize.Ignored{Reason: "unknown_event"}, nil
}

// failTypes are the reasons why a message that send_msg had taken did not
// arrive.
var failTypes = map[int]struct {
	words       string
	unreachable bool
}{
	0:  {words: "WeCom could not deliver it and does not say why"},
	1:  {words: "the customer service account was deleted"},
	2:  {words: "the app was switched off in WeCom's console"},
	4:  {words: "48 hours have passed since the customer's last message; the customer has to write again"},
	5:  {words: "the conversation was ended; the customer has to write again"},
	6:  {words: "the five answers to the customer's last message are used up; the customer has to write again"},
	7:  {words: "no Channels account is bound to the customer service"},
	8:  {words: "the company is not verified with WeCom"},
	9:  {words: "no Channels account is bound and the company is not verified with WeCom"},
	10: {words: "the customer refuses messages of this account", unreachable: true},
	11: {words: "no member of the company has logged in to WeCom's app"},
	12: {words: "this type of message is forbidden here"},
	13: {words: "WeCom held it back for security"},
}

func (ev *event) failure(e *entry) normalize.Receipts {
	kind := int(ev.FailType)
	why, known := failTypes[kind]
	if !known {
		why = failTypes[0]
	}
	return normalize.Receipts{{
		ExternalID: ev.FailMsgID, Status: normalize.StatusFailed, Code: "fail_type " + strconv.Itoa(kind),
		Detail: why.words, Unreachable: why.unreachable, At: e.at(),
	}}
}
