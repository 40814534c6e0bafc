package wecomkf

import (
	"context"
	"time"

	"github.com/silenceper/wechat/v2/work/kf"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
)

// state of a conversation within WeCom. It begins with a customer's message
// and ends after 48 hours or when somebody ends it. Answers by the API are
// taken in the first two states only, and the API can lead back to neither
// (developer.work.weixin.qq.com/document/path/94669).
type state int

const (
	stateNew       state = iota // nobody has taken care of it
	stateAssistant              // the API answers
	stateWaiting                // in the pool of those that wait for a servicer
	stateServicer               // a servicer answers in WeCom's app
	stateEnded                  // ended, or not begun
)

// claimTime is how long an answer may be held up by looking at its state.
const claimTime = 5 * time.Second

// claim sees to it that we may answer a conversation. A new one is taken over,
// so that WeCom does not hand it to a servicer between two answers. Where
// another one has it, the error says who; it costs none of the five answers.
//
// Whatever else goes wrong is left for the send itself to find out: it needs
// no more permissions than these two.
func (w *WecomKf) claim(ctx context.Context, kfID, user string) error {
	var is struct {
		State    state  `json:"service_state"`
		Servicer string `json:"servicer_userid"`
	}
	within, cancel := context.WithTimeout(ctx, claimTime)
	defer cancel()
	err := w.api.Call(within, tencent.Request{
		Path: "/cgi-bin/kf/service_state/get", Out: &is,
		In: kf.ServiceStateGetOptions{OpenKFID: kfID, ExternalUserID: user},
	})
	if err != nil {
		return ctx.Err()
	}
	switch is.State {
	case stateWaiting:
		return connectors.Errorf(connectors.Rejected, "state 2", "the conversation waits in WeCom for a servicer and can be answered there only; take it over or end it there")
	case stateServicer:
		return connectors.Errorf(connectors.Rejected, "state 3", "the conversation is answered in WeCom by %s; it can be answered here after it was ended there and the customer has written again", servicer(is.Servicer).Name)
	case stateEnded:
		return closed("state 4", "the conversation was ended or is older than 48 hours; the customer has to write again")
	case stateNew:
		_ = w.api.Call(within, tencent.Request{
			Path: "/cgi-bin/kf/service_state/trans",
			In:   kf.ServiceStateTransOptions{OpenKFID: kfID, ExternalUserID: user, ServiceState: int(stateAssistant)},
		})
	}
	return ctx.Err()
}

// closed is the refusal of an answer before which the customer has to write.
func closed(code, words string) error {
	return &connectors.Error{Class: connectors.Unreachable, Code: code, Detail: words, Closed: true}
}
