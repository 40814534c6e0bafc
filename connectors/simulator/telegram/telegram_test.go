package telegram_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/telegram"
)

const token = "4200001:AAF-simulated-token-of-a-bot"

// call asks the Bot API and returns the error_code of its answer, 0 for none.
func call(t *testing.T, s *telegram.Server, bot, method, params string) int {
	t.Helper()
	res, err := http.Post(s.URL()+"/bot"+bot+"/"+method, "application/json", strings.NewReader(params))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var a struct {
		OK        bool `json:"ok"`
		ErrorCode int  `json:"error_code"`
	}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil || a.OK != (a.ErrorCode == 0) {
		t.Fatalf("%s: %+v, %v", method, a, err)
	}
	return a.ErrorCode
}

func TestRulesOfTheBotAPI(t *testing.T) {
	s, err := telegram.Start(telegram.Options{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ann := telegram.Person{ID: 7, FirstName: "Ann"}
	send := func(text string) string { return fmt.Sprintf(`{"chat_id":7,"text":%q,"parse_mode":"HTML"}`, text) }
	for _, c := range []struct {
		what, bot, method, params string
		before                    func()
		want                      int
	}{
		{"another bot", "1:other", "getMe", "", nil, 401},
		{"no such method", token, "dance", "", nil, 404},
		{"who has not written", token, "sendMessage", send("hello"), nil, 400},
		{"who has", token, "sendMessage", send("hello"), func() { s.Text(ann, "hi") }, 0},
		{"as long as it may be", token, "sendMessage", send("<b>" + strings.Repeat("a", 4096) + "</b>"), nil, 0},
		{"too long", token, "sendMessage", send(strings.Repeat("a", 4097)), nil, 400},
		{"emoji count twice", token, "sendMessage", send(strings.Repeat("😀", 2049)), nil, 400},
		{"a tag without its end", token, "sendMessage", send("<b>x"), nil, 400},
		{"a text without words", token, "sendMessage", send(" "), nil, 400},
		{"who has blocked the bot", token, "sendMessage", send("hello"), func() { s.Block(ann) }, 403},
		{"and lets it write again", token, "sendMessage", send("hello"), func() { s.Unblock(ann) }, 0},
		{"a poll beside a webhook", token, "getUpdates", `{"timeout":0}`, func() { call(t, s, token, "setWebhook", `{"url":"http://127.0.0.1:1/"}`) }, 409},
		{"a revoked token", token, "getMe", "", func() { s.Revoke(true) }, 401},
		{"a token that is good again", token, "getMe", "", func() { s.Revoke(false) }, 0},
	} {
		if c.before != nil {
			c.before()
		}
		if got := call(t, s, c.bot, c.method, c.params); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}

// A webhook gets every update until it is taken, and sees what vendors do
// wrong.
func TestWebhooksAndTheirTroubles(t *testing.T) {
	took := make(chan string, 20)
	desk := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var u struct {
			Message struct {
				Text string `json:"text"`
			} `json:"message"`
		}
		if err := json.Unmarshal(b, &u); err != nil {
			t.Error(err)
		}
		took <- u.Message.Text
	}))
	defer desk.Close()
	s, err := telegram.Start(telegram.Options{Token: token, RetryAfter: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	call(t, s, token, "setWebhook", fmt.Sprintf(`{"url":%q}`, desk.URL))
	ann := telegram.Person{ID: 7, FirstName: "Ann"}
	got := func(n int) (list []string) {
		for range n {
			select {
			case text := <-took:
				list = append(list, text)
			case <-time.After(time.Minute):
				t.Fatalf("no call after %q", list)
			}
		}
		return list
	}
	for what, c := range map[string]struct {
		before func()
		after  func()
		want   []string
	}{
		"all well":  {func() {}, func() {}, []string{"one", "two"}},
		"twice":     {func() { s.Twice(1) }, func() {}, []string{"one", "one", "two"}},
		"deaf":      {func() { s.Deaf(1) }, func() {}, []string{"one", "one", "two"}},
		"backwards": {s.Hold, func() { s.Release(true) }, []string{"two", "one"}},
	} {
		c.before()
		s.Text(ann, "one")
		s.Text(ann, "two")
		c.after()
		if list := got(len(c.want)); !slices.Equal(list, c.want) {
			t.Errorf("%s: %q, want %q", what, list, c.want)
		}
		for end := time.Now().Add(time.Minute); s.Pending() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("Telegram goes on")
			}
		}
	}
}
