package wechat

import (
	"slices"
	"strconv"
	"strings"

	"github.com/silenceper/wechat/v2/officialaccount/message"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// happening is an event that stands on the timeline.
type happening struct {
	name    string
	consent normalize.Consent
	// opens: the vendor lets us answer it, shortly.
	opens bool
	// asks: the customer waits for an answer.
	asks bool
	// ends: the vendor takes no answer any more.
	ends bool
}

// happenings, as the vendor names them
// (developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html,
// .../Custom_Menus/Custom_Menu_Push_Events.html). A menu's button of the type
// click exists for our answer; the others lead somewhere by themselves.
var happenings = map[message.EventType]happening{
	message.EventSubscribe:       {name: "subscribe", consent: normalize.OptedIn, opens: true},
	message.EventUnsubscribe:     {name: "unsubscribe", consent: normalize.OptedOut, ends: true},
	message.EventScan:            {name: "scan", opens: true},
	message.EventClick:           {name: "menu_click", opens: true, asks: true},
	message.EventView:            {name: "menu_view"},
	message.EventViewMiniprogram: {name: "menu_view"},
	message.EventScancodePush:    {name: "menu_scan", opens: true},
	message.EventScancodeWaitmsg: {name: "menu_scan", opens: true, asks: true},
}

// ignored are the events that are of no concern; see Decode.
var ignored = map[message.EventType]string{
	message.EventLocation:             "location_report",
	message.EventPicSysphoto:          "menu_picture",
	message.EventPicPhotoOrAlbum:      "menu_picture",
	message.EventPicWeixin:            "menu_picture",
	message.EventLocationSelect:       "menu_location",
	message.EventMassSendJobFinish:    "mass_message",
	"kf_create_session":               "customer_service",
	"kf_close_session":                "customer_service",
	"kf_switch_session":               "customer_service",
	"user_info_modified":              "authorization",
	"user_authorization_revoke":       "authorization",
	"user_authorization_cancellation": "authorization",
}

const (
	unknownEvent = "unknown_event"

	eventSubscribeMsgChange message.EventType = "subscribe_msg_change_event"
	eventSubscribeMsgSent   message.EventType = "subscribe_msg_sent_event"
)

// event completes m, or returns what else the event is.
func (p *payload) event(m *normalize.Message) (normalize.Item, error) {
	switch p.Event {
	case message.EventTemplateSendJobFinish:
		return normalize.Receipts{p.templateReceipt(m)}, nil
	case eventSubscribeMsgSent:
		return p.subscribeReceipts(m), nil
	case message.EventSubscribeMsgPopupEvent, eventSubscribeMsgChange:
		m.Thread.Quiet = true
		for _, s := range slices.Concat(p.Popup, p.Change) {
			what := "subscribe_message_" + text.CleanLine(s.Status) // accept, reject
			m.Parts = append(m.Parts, p.part(m, text.Truncate(what, 60), s.TemplateID))
		}
		if len(m.Parts) == 0 {
			return &normalize.Ignored{Reason: unknownEvent}, nil
		}
		return m, nil
	}
	h, known := happenings[p.Event]
	if !known {
		reason, known := ignored[p.Event]
		if !known {
			reason = unknownEvent
		}
		return &normalize.Ignored{Reason: reason}, nil
	}
	m.Consent, m.Thread.Quiet = h.consent, !h.asks
	switch {
	case h.opens:
		m.ReplyWindow = acted(m)
	case h.ends:
		m.ReplyWindow = &normalize.ReplyWindow{Until: m.SentAt}
	}
	detail := strings.TrimPrefix(p.EventKey, "qrscene_") // the scene of a QR code
	if r := p.ScanCodeInfo.ScanResult; r != "" {
		detail = r
	}
	m.Parts = []normalize.Part{p.part(m, h.name, detail)}
	return m, nil
}

func (p *payload) part(m *normalize.Message, event, detail string) normalize.Part {
	return normalize.Part{
		Kind: normalize.PartEvent, Event: event, Text: text.CleanLine(detail),
		Status: normalize.StatusReceived, StatusAt: m.ReceivedAt,
	}
}

// templateID is the external id of a template message. The vendor counts them
// apart from the messages of customers.
func templateID(msgID string) string { return "template:" + msgID }

// templateReceipt reads how a template message went
// (developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html).
func (p *payload) templateReceipt(m *normalize.Message) normalize.Receipt {
	r := p.receipt(m, strconv.FormatInt(p.TemplateMsgID, 10))
	switch status := strings.ReplaceAll(p.Status, " ", ""); status {
	case "success":
		r.Status = normalize.StatusDelivered
	case "failed:userblock":
		r.Detail, r.Unreachable = "the customer refuses messages of the account", true
	default:
		r.Detail = "the vendor could not deliver the template: " + text.Truncate(p.Status, 100)
	}
	return r
}

func (p *payload) subscribeReceipts(m *normalize.Message) normalize.Receipts {
	var all normalize.Receipts
	for _, s := range p.Sent {
		r := p.receipt(m, s.MsgID)
		r.Code = text.Truncate(s.ErrorCode, 20)
		if s.ErrorCode == "0" {
			r.Status, r.Code = normalize.StatusDelivered, ""
		} else {
			r.Detail = "the vendor could not deliver the subscribe message: " + text.Truncate(s.ErrorStatus, 100)
		}
		all = append(all, r)
	}
	return all
}

// receipt is one of failure, until more is known.
func (p *payload) receipt(m *normalize.Message, msgID string) normalize.Receipt {
	return normalize.Receipt{
		ExternalID: templateID(msgID), Status: normalize.StatusFailed,
		At: m.SentAt, ReceivedAt: m.ReceivedAt,
	}
}
