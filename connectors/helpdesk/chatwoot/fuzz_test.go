package chatwoot

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/normalize/text"
)

// Whatever stands in a call that is signed, it names tickets by their numbers
// or is refused.
func FuzzParse(f *testing.F) {
	c := open(f, start(f))
	for _, seed := range []string{
		`{"event":"message_created","id":9,"message_type":"outgoing","content_attributes":{"deskbridge":"m1"},"conversation":{"id":7,"inbox_id":5},"account":{"id":1}}`,
		`{"event":"conversation_status_changed","id":7,"inbox_id":5,"status":"resolved"}`, `{"event":"message_created","content_attributes":[]}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tickets, _, err := c.Parse(t.Context(), signed(body))
		if err != nil && len(tickets) > 0 || len(tickets) > 1 {
			t.Errorf("%v, %v", tickets, err)
		}
		for _, id := range tickets {
			if strings.Trim(id, "0123456789") != "" {
				t.Errorf("%q is no number", id)
			}
		}
	})
}

// Whatever an agent writes, its HTML is text that runs nothing.
func FuzzMarkdown(f *testing.F) {
	for _, seed := range []string{"**a** _b_ ~~c~~ `d`", "[x](https://e.example)", "> a\n> * b\n\n1. c", "```\nx\n```", `\*a\* <https://e.example>`, "[a](javascript:x)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		plain, rich := markdown(s)
		if utf8.ValidString(s) && (!utf8.ValidString(plain) || !utf8.ValidString(rich)) {
			t.Errorf("%q became bytes that are no text: %q, %q", s, plain, rich)
		}
		for _, bad := range []string{"<script", "<img", "href=\"javascript", " onerror", "<iframe"} {
			if strings.Contains(strings.ToLower(rich), bad) && !strings.Contains(strings.ToLower(text.FromHTML(rich)), strings.TrimPrefix(bad, "<")) {
				t.Errorf("%q became %q", s, rich)
			}
		}
	})
}
