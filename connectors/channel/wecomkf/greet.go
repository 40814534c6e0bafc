package wecomkf

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/silenceper/wechat/v2/work/kf/sendmsgonevent"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	// codeLife is how long a welcome code is good after the customer came in
	// (developer.work.weixin.qq.com/document/path/95122).
	codeLife = 20 * time.Second
	// clocksDiffer is how much later a code is still tried. WeCom refuses one
	// that is too old.
	clocksDiffer = 10 * time.Second
	// greetingTime is how long the news of others may wait for a greeting.
	greetingTime = 5 * time.Second
	// greetings is how many are under way at once.
	greetings = 8
)

// greet welcomes those who have just come in, if a welcome is configured. It
// is called after their events were committed with the cursor, so that they
// are never read again: each code is used in one request, or in none when the
// daemon stops between the two. What WeCom took is then recorded, since it
// does not return it. An error is one of the store.
func (w *WecomKf) greet(ctx context.Context, src channel.Source, list []json.RawMessage) error {
	if w.cfg.Welcome == "" {
		return nil
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var sent normalize.Batch
	room := make(chan struct{}, greetings)
	for _, raw := range list {
		var e entry
		if json.Unmarshal(raw, &e) != nil || !w.due(&e) {
			continue
		}
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			in, err := w.welcome(ctx, &e)
			if err != nil {
				w.deps.Log.Warn("a customer was not greeted", "open_kfid", e.Event.OpenKfID, "err", connectors.Classify(err))
				return
			}
			mu.Lock()
			defer mu.Unlock()
			sent.Inputs = append(sent.Inputs, in)
		})
	}
	wg.Wait()
	if len(sent.Inputs) == 0 {
		return nil
	}
	return src.Sink(ctx, sent)
}

// due reports whether somebody came in just now and was not greeted yet, and
// takes note of the code.
func (w *WecomKf) due(e *entry) bool {
	if e.Event == nil || e.Event.Type != "enter_session" || e.Event.WelcomeCode == "" {
		return false
	}
	now := w.deps.Clock.Now()
	if now.Sub(e.at()) >= codeLife+clocksDiffer {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for code, until := range w.greeted {
		if now.After(until) {
			delete(w.greeted, code)
		}
	}
	code := string(e.Event.WelcomeCode)
	if _, used := w.greeted[code]; used {
		return false
	}
	w.greeted[code] = now.Add(2 * codeLife)
	return true
}

// welcome makes the one request, and returns the record of it.
func (w *WecomKf) welcome(ctx context.Context, e *entry) (normalize.Input, error) {
	ctx, cancel := context.WithTimeout(ctx, greetingTime)
	defer cancel()
	id := sha256.Sum256([]byte(e.MsgID))
	head := sendmsgonevent.Message{
		Code: string(e.Event.WelcomeCode), MsgID: "dbw-" + base64.RawURLEncoding.EncodeToString(id[:21]),
	}
	msgType, body := w.greeting(head)
	err := w.api.Call(ctx, tencent.Request{
		Path: "/cgi-bin/kf/send_msg_on_event", In: body,
		// Only the errors differ: without an answer it may have been taken.
		Begin: func(context.Context) error { return nil },
	})
	if err != nil {
		return normalize.Input{}, err
	}
	now := w.deps.Clock.Now()
	record := map[string]any{
		"msgid": head.MsgID, "open_kfid": e.Event.OpenKfID, "external_userid": e.Event.ExternalUserID,
		"send_time": now.Unix(), "msgtype": msgType, msgType: w.content(),
	}
	raw, err := json.Marshal(record)
	return normalize.Input{
		Key: "greeting/" + strconv.FormatInt(now.Unix(), 10) + "/" + head.MsgID, Raw: raw, ContentType: "application/json",
		Meta: map[string]string{metaSource: sourceGreeting}, ReceivedAt: now,
	}, err
}

// greeting returns the request of the configured welcome.
func (w *WecomKf) greeting(head sendmsgonevent.Message) (msgType string, body any) {
	if len(w.cfg.WelcomeMenu) == 0 {
		m := sendmsgonevent.Text{Message: head, MsgType: "text"}
		m.Text.Content = w.cfg.Welcome
		return m.MsgType, m
	}
	m := sendmsgonevent.Menu{Message: head, MsgType: "msgmenu"}
	m.MsgMenu.HeadContent, m.MsgMenu.List = w.cfg.Welcome, w.choices()
	return m.MsgType, m
}

func (w *WecomKf) choices() []any {
	var list []any
	for i, answer := range w.cfg.WelcomeMenu {
		c := sendmsgonevent.MenuClick{Type: "click"}
		c.Click.ID, c.Click.Content = strconv.Itoa(i+1), answer
		list = append(list, c)
	}
	return list
}

// content is the same as it would be read.
func (w *WecomKf) content() any {
	if len(w.cfg.WelcomeMenu) == 0 {
		return map[string]any{"content": w.cfg.Welcome}
	}
	return map[string]any{"head_content": w.cfg.Welcome, "list": w.choices()}
}
