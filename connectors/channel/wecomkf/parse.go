package wecomkf

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
)

// tokenLife is how long the token of a call can be pulled with
// (developer.work.weixin.qq.com/document/path/94670).
const tokenLife = 10 * time.Minute

// Parse verifies a call of WeCom. The news itself is not in it: its token is
// committed as a cursor, which Stream finds on whatever node it runs.
func (w *WecomKf) Parse(_ context.Context, r *connectors.Request) (normalize.Batch, connectors.Reply, error) {
	called, err := url.Parse(r.URL)
	if err != nil || r.Path != "" {
		return normalize.Batch{}, connectors.Reply{}, connectors.ErrMalformed
	}
	q := called.Query()
	if r.Method == http.MethodGet {
		// The console saves an address after it was answered with what the
		// echostr holds, as it is (developer.work.weixin.qq.com/document/path/90930).
		echo, err := w.callback.Open(q, q.Get("echostr"), r.ReceivedAt)
		return normalize.Batch{}, connectors.Reply{ContentType: "text/plain; charset=utf-8", Body: echo}, err
	}
	plain, err := w.callback.OpenBody(q, r.Body, r.ReceivedAt)
	if err != nil {
		return normalize.Batch{}, connectors.Reply{}, err
	}
	var c call
	if err := tencent.Unmarshal(plain, &c); err != nil {
		return normalize.Batch{}, connectors.Reply{}, err
	}
	if c.isNews() && slices.Contains(w.cfg.OpenKfIDs, c.OpenKfID) {
		return normalize.Batch{Cursors: []normalize.Cursor{{Key: tokenKey(c.OpenKfID), Value: newCallToken(c.Token, r.ReceivedAt).String()}}}, connectors.Reply{}, nil
	}
	return normalize.Batch{Inputs: []normalize.Input{{
		Key: "call/" + strconv.FormatInt(r.ReceivedAt.Unix(), 10), Raw: plain, ContentType: "text/xml",
		Meta: map[string]string{metaSource: sourceCall}, ReceivedAt: r.ReceivedAt,
	}}}, connectors.Reply{}, nil
}
