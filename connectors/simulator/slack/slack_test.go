package slack_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/slack"
)

func start(t *testing.T, o slack.Options) *slack.Server {
	t.Helper()
	s, err := slack.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.AddUser(slack.User{ID: "U1", Team: "T1", Name: "Marie"})
	s.AddChannel(slack.Channel{ID: "C1", Shared: true})
	s.AddChannel(slack.Channel{ID: "C2", Archived: true})
	s.AddChannel(slack.Channel{ID: "C3", Without: true})
	return s
}

type reply struct {
	OK       bool
	Error    string
	URL      string
	TS       string
	FileID   string `json:"file_id"`
	Messages []struct{ Text, TS string }
}

func call(t *testing.T, s *slack.Server, token, method string, form url.Values) (r reply, status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.APIURL()+method, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil && resp.StatusCode == http.StatusOK {
		t.Fatal(err)
	}
	return r, resp.StatusCode
}

// The simulator refuses what Slack refuses.
func TestRefusals(t *testing.T) {
	s := start(t, slack.Options{})
	post := func(room, text string) url.Values { return url.Values{"channel": {room}, "text": {text}} }
	for _, c := range []struct {
		token, method string
		form          url.Values
		want          string
	}{
		{"", "auth.test", nil, "not_authed"},
		{"xoxb-other", "auth.test", nil, "invalid_auth"},
		{s.AppToken(), "auth.test", nil, "not_allowed_token_type"},
		{s.BotToken(), "apps.connections.open", nil, "not_allowed_token_type"},
		{s.BotToken(), "chat.dance", nil, "unknown_method"},
		{s.BotToken(), "chat.postMessage", post("C9", "x"), "channel_not_found"},
		{s.BotToken(), "chat.postMessage", post("C2", "x"), "is_archived"},
		{s.BotToken(), "chat.postMessage", post("C3", "x"), "not_in_channel"},
		{s.BotToken(), "chat.postMessage", post("C1", ""), "no_text"},
		{s.BotToken(), "chat.postMessage", post("C1", strings.Repeat("x", 40_001)), "msg_too_long"},
		{s.BotToken(), "chat.delete", url.Values{"channel": {"C1"}, "ts": {s.Say(slack.Post{Channel: "C1", User: "U1", Text: "x"})}}, "cant_delete_message"},
		{s.BotToken(), "conversations.open", url.Values{"users": {"U9"}}, "user_not_found"},
		{s.BotToken(), "files.completeUploadExternal", url.Values{"channel_id": {"C1"}, "files": {`[{"id":"F9"}]`}}, "file_not_found"},
	} {
		if r, _ := call(t, s, c.token, c.method, c.form); r.OK || r.Error != c.want {
			t.Errorf("%s %v: %+v, want %s", c.method, c.form, r, c.want)
		}
	}
	if n := len(s.Record()); n > 0 {
		t.Errorf("%d messages were taken", n)
	}
	s.Revoke()
	if r, _ := call(t, s, s.BotToken(), "auth.test", nil); r.Error != "token_revoked" {
		t.Errorf("after Revoke: %+v", r)
	}
}

func TestAChannelTakesOneMessageASecond(t *testing.T) {
	s := start(t, slack.Options{PerChannel: time.Second})
	form := url.Values{"channel": {"C1"}, "text": {"x"}}
	if r, _ := call(t, s, s.BotToken(), "chat.postMessage", form); !r.OK {
		t.Fatalf("%+v", r)
	}
	if _, status := call(t, s, s.BotToken(), "chat.postMessage", form); status != http.StatusTooManyRequests {
		t.Errorf("status %d for the second one", status)
	}
	if n := len(s.Record()); n != 1 {
		t.Errorf("%d messages were taken", n)
	}
}

// An address of Socket Mode is good once, and only as it was given.
func TestTicketsAreGoodOnce(t *testing.T) {
	s := start(t, slack.Options{})
	r, _ := call(t, s, s.AppToken(), "apps.connections.open", nil)
	address := "http" + strings.TrimPrefix(r.URL, "ws")
	dial := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	// Not a WebSocket, but a good ticket, which is used up by it.
	if status := dial(); status == http.StatusForbidden {
		t.Errorf("a good ticket: status %d", status)
	}
	if status := dial(); status != http.StatusForbidden {
		t.Errorf("a used ticket: status %d", status)
	}
}

// The history has what stands in the channel, and replies what stands in the
// thread.
func TestHistoryAndReplies(t *testing.T) {
	s := start(t, slack.Options{})
	root := s.Say(slack.Post{Channel: "C1", User: "U1", Text: "root"})
	s.Say(slack.Post{Channel: "C1", User: "U1", Text: "answer", Thread: root})
	s.Say(slack.Post{Channel: "C1", User: "U1", Text: "later"})
	texts := func(method string, form url.Values) (list string) {
		form.Set("channel", "C1")
		r, _ := call(t, s, s.BotToken(), method, form)
		for _, m := range r.Messages {
			list += m.Text + " "
		}
		return list
	}
	if got := texts("conversations.history", url.Values{}); got != "later root " {
		t.Errorf("history: %s", got)
	}
	if got := texts("conversations.replies", url.Values{"ts": {root}}); got != "root answer " {
		t.Errorf("replies: %s", got)
	}
	if got := texts("conversations.history", url.Values{"limit": {"1"}, "cursor": {"1"}}); got != "root " {
		t.Errorf("second page: %s", got)
	}
}
