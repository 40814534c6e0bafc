package wechat

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
)

// taken is the answer that keeps the vendor from calling again. It waits five
// seconds for it and repeats a call three times
// (developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html).
var taken = connectors.Reply{ContentType: "text/plain; charset=utf-8", Body: []byte("success")}

// Parse implements channel.Webhook. A GET verifies our address: its echostr is
// repeated. A POST is one message or event.
func (w *WeChat) Parse(_ context.Context, r *connectors.Request) (normalize.Batch, connectors.Reply, error) {
	var none normalize.Batch
	u, err := url.Parse(r.URL)
	if err != nil || r.Path != "" {
		return none, connectors.Reply{}, connectors.ErrMalformed
	}
	q := u.Query()
	if r.Method == http.MethodGet {
		if err := w.callback.Verify(q, r.ReceivedAt); err != nil {
			return none, connectors.Reply{}, err
		}
		return none, connectors.Reply{ContentType: taken.ContentType, Body: []byte(q.Get("echostr"))}, nil
	}
	doc, err := w.open(q, r)
	if err != nil {
		return none, connectors.Reply{}, err
	}
	var head header
	if err := tencent.Unmarshal(doc, &head); err != nil {
		return none, connectors.Reply{}, err
	}
	if head.FromUserName == "" && head.Encrypt != "" {
		return none, connectors.Reply{}, fmt.Errorf("%w: it is encrypted; set encryption to safe, as the vendor's console has it", connectors.ErrMalformed)
	}
	return normalize.Batch{Inputs: []normalize.Input{{
		Key: head.key(), Raw: doc, ContentType: "application/xml", ReceivedAt: r.ReceivedAt,
	}}}, taken, nil
}

// open returns the verified document of a call. In the modes with encryption
// what stands in plain text beside the ciphertext is not signed, and nothing of
// it is read.
func (w *WeChat) open(q url.Values, r *connectors.Request) ([]byte, error) {
	if w.cfg.Encryption == encryptPlain {
		return r.Body, w.callback.Verify(q, r.ReceivedAt)
	}
	if w.cfg.Encryption == encryptCompatible && q.Get("encrypt_type") != "aes" {
		return r.Body, w.callback.Verify(q, r.ReceivedAt)
	}
	return w.callback.OpenBody(q, r.Body, r.ReceivedAt)
}

// header is what every message and event has. It is read as words, so that a
// value that is not as documented is quarantined by Decode and not lost here.
type header struct {
	FromUserName string `xml:"FromUserName"`
	CreateTime   string `xml:"CreateTime"`
	MsgType      string `xml:"MsgType"`
	Event        string `xml:"Event"`
	MsgID        string `xml:"MsgId"`
	Encrypt      string `xml:"Encrypt"`
}

// key is the vendor's id: MsgId of messages, and for events who, when and what
// together.
func (h header) key() string {
	if h.MsgID != "" {
		return h.MsgID
	}
	return h.FromUserName + "/" + h.CreateTime + "/" + h.Event
}
