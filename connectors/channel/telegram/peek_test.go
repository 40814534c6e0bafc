package telegram

import (
	"testing"

	"github.com/deskbridge/deskbridge/normalize"
)

// An update that is not as documented still says who wrote, and where.
func TestWhoWroteWhatCannotBeRead(t *testing.T) {
	const date = `"message_id":"seven","date":1763769600,"text":{}`
	for _, c := range []struct{ name, raw, from, thread string }{
		{"a customer", `{"update_id":1,"message":{` + date + `,"from":{"id":42,"first_name":"Ann"},"chat":{"id":42,"type":"private"}}}`, "42", "42"},
		{"a customer in a topic", `{"update_id":1,"message":{` + date + `,"is_topic_message":true,"message_thread_id":9,"from":{"id":42,"first_name":"Ann"},"chat":{"id":-100,"type":"supergroup"}}}`, "42", "-100/9"},
		{"another bot", `{"update_id":1,"message":{` + date + `,"from":{"id":43,"is_bot":true},"chat":{"id":43,"type":"private"}}}`, "", ""},
		{"ourselves", `{"update_id":1,"message":{` + date + `,"from":{"id":1},"chat":{"id":42,"type":"private"}}}`, "", ""},
		{"nobody", `{"update_id":1,"message":{` + date + `,"chat":{"id":42,"type":"private"}}}`, "", ""},
		{"no message", `{"update_id":1,"poll":[]}`, "", ""},
		{"no update", `[`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bot := &Telegram{cfg: Config{Groups: true}, self: 1}
			in := normalize.Input{Raw: []byte(c.raw)}
			if item, err := bot.Decode(in); err == nil && c.name != "no message" {
				t.Errorf("it was read: %+v", item)
			}
			m := bot.Peek(in)
			if (m != nil) != (c.from != "") || m != nil && (m.Address.Value != c.from || m.Thread.ID != c.thread) {
				t.Errorf("%+v, want %q in %q", m, c.from, c.thread)
			}
		})
	}
}
