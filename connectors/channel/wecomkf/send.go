package wecomkf

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/silenceper/wechat/v2/work/kf/sendmsg"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
)

// maxText is the longest text, in bytes of UTF-8
// (developer.work.weixin.qq.com/document/path/94677).
const maxText = 2048

// Limits are the same for every thread. A picture, sound or film that WeCom
// does not take as such goes out as a file.
//
// WeCom allows 150,000 calls of one interface per hour
// (developer.work.weixin.qq.com/document/path/90312). It refuses a msgid that it
// has taken before, but does not say by which code, so nothing is repeated
// without being asked to.
func (w *WecomKf) Limits(context.Context, normalize.Thread) (channel.Limits, error) {
	file := channel.MediaLimit{Bytes: maxFile}
	return channel.Limits{
		TextBytes: maxText,
		Markup:    normalize.MarkupPlain,
		Kinds: map[normalize.PartKind]channel.MediaLimit{
			normalize.PartText: {}, normalize.PartLocation: {},
			normalize.PartImage: file, normalize.PartAudio: file, normalize.PartVideo: file, normalize.PartFile: file,
		},
		Rate: 40, Burst: 40, Parallel: 8,
	}, nil
}

// Send makes one call of send_msg, with an id that is ours: WeCom never
// returns what was sent by the API, but names the id if it cannot deliver it.
func (w *WecomKf) Send(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	user, err := w.userOf(o.Message.Address)
	if err != nil {
		return channel.Sent{}, err
	}
	kfID := o.Message.Thread.ID
	if !slices.Contains(w.cfg.OpenKfIDs, kfID) {
		return channel.Sent{}, connectors.Errorf(connectors.Rejected, "", "the customer wrote to the account %q, which is not among open_kfids", kfID)
	}
	if win := o.Message.ReplyWindow; win != nil && !w.deps.Clock.Now().Before(win.Until) {
		return channel.Sent{}, closed("", verdicts[95002].Words)
	}
	if len(o.Parts) != 1 {
		return channel.Sent{}, connectors.Errorf(connectors.Unsupported, "", "WeCom takes one part at a time, not %d", len(o.Parts))
	}
	if err := w.claim(ctx, kfID, user); err != nil {
		return channel.Sent{}, err
	}
	head := sendmsg.Message{ToUser: user, OpenKFID: kfID, MsgID: o.Key}
	body, err := w.compose(ctx, o, head)
	if err != nil {
		return channel.Sent{}, err
	}
	var answer struct {
		MsgID string `json:"msgid"`
	}
	err = w.api.Call(ctx, tencent.Request{Path: "/cgi-bin/kf/send_msg", In: body, Out: &answer, Begin: o.Begin})
	// The id is told with an error as well: should a failure be reported later,
	// it finds its message by it.
	return channel.Sent{ExternalID: cmp.Or(answer.MsgID, o.Key)}, repeated(o, err)
}

// repeated returns what the refusal of an attempt means. Where it is not the
// first, the id may be what WeCom does not take, and an earlier attempt have
// arrived.
func repeated(o *channel.Outbound, err error) error {
	e := connectors.Classify(err)
	if err == nil || o.Attempt < 2 || e.Class != connectors.Rejected || named(e.Code) {
		return err
	}
	return &connectors.Error{
		Class: connectors.Ambiguous, Code: e.Code,
		Detail: e.Detail + "; perhaps since an earlier attempt has arrived, for WeCom takes an id once",
	}
}

// named reports whether a code, which may be a status of HTTP, says what is not
// taken.
func named(code string) bool {
	n, err := strconv.Atoi(code)
	_, known := verdicts[n]
	return err != nil || n < 1000 || known && code != codeBadRequest
}

// Recall takes back what was sent within the last two minutes. It still counts
// as one of the five answers (developer.work.weixin.qq.com/document/path/94677).
func (w *WecomKf) Recall(ctx context.Context, o *channel.Outbound, externalID string) error {
	err := w.api.Call(ctx, tencent.Request{
		Path: "/cgi-bin/kf/recall_msg",
		In:   map[string]string{"msgid": externalID, "open_kfid": o.Message.Thread.ID},
	})
	if e := connectors.Classify(err); err != nil && e.Class == connectors.Rejected {
		return &connectors.Error{
			Class: connectors.Rejected, Code: e.Code,
			Detail: "WeCom takes back only what was sent within the last two minutes, and that once (" + e.Detail + ")",
		}
	}
	return err
}
