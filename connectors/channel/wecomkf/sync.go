package wecomkf

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/silenceper/wechat/v2/work/kf"

	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
)

// maxPage is how many entries are asked for at once: WeCom gives a thousand,
// but a batch is one commit.
const maxPage = 200

// syncKey and tokenKey are the cursors of one customer service account: how
// far it was read, and the token of WeCom's last call.
func syncKey(kfID string) string  { return "sync/" + kfID }
func tokenKey(kfID string) string { return "token/" + kfID }

// callToken is the token of a call, with the time at which it came: written
// "MICROSECONDS TOKEN". The time also tells one call from the next.
type callToken struct {
	at    time.Time
	token string
}

func newCallToken(token string, at time.Time) callToken { return callToken{at, token} }

func parseCallToken(s string) callToken {
	at, token, _ := strings.Cut(s, " ")
	micros, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return callToken{}
	}
	return callToken{time.UnixMicro(micros), token}
}

func (c callToken) String() string { return strconv.FormatInt(c.at.UnixMicro(), 10) + " " + c.token }

// good returns the token if it can still be used at now, or "".
func (c callToken) good(now time.Time) string {
	if age := now.Sub(c.at); age < 0 || age >= tokenLife-tokenMargin {
		return ""
	}
	return c.token
}

// tokenMargin is left unused, for the way and for clocks that differ.
const tokenMargin = 30 * time.Second

// page is an answer of sync_msg.
type page struct {
	Next string            `json:"next_cursor"`
	More number            `json:"has_more"`
	List []json.RawMessage `json:"msg_list"`
}

// sync asks for the entries after cursor. token may be empty; WeCom then limits
// how often it answers.
func (w *WecomKf) sync(ctx context.Context, kfID, cursor, token string, limit int) (page, error) {
	var p page
	err := w.api.Call(ctx, tencent.Request{
		Path: "/cgi-bin/kf/sync_msg",
		In:   kf.SyncMsgOptions{Cursor: cursor, Token: token, Limit: uint(limit), OpenKfID: kfID},
		Out:  &p,
	})
	return p, err
}

// batch makes an input of each entry. Entries of an event carry no id of the
// account outside of it, and ones that cannot be read are kept all the same.
func (p *page) batch(kfID string, now time.Time) normalize.Batch {
	b := normalize.Batch{Cursors: []normalize.Cursor{{Key: syncKey(kfID), Value: p.Next}}}
	for _, raw := range p.List {
		var e entry
		_ = json.Unmarshal(raw, &e)
		key := e.MsgID
		if key == "" {
			key = "entry without msgid"
		}
		b.Inputs = append(b.Inputs, normalize.Input{Key: kfID + "/" + key, Raw: raw, ContentType: "application/json", ReceivedAt: now})
	}
	return b
}
