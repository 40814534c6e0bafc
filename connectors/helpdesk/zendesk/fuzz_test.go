package zendesk

import (
	"encoding/json"
	"strings"
	"testing"

	simulator "github.com/deskbridge/deskbridge/connectors/simulator/zendesk"
)

// Whatever stands in a call that is signed, it names tickets by their numbers
// or is refused.
func FuzzParse(f *testing.F) {
	z := connect(f, start(f, simulator.Options{}))
	for _, seed := range []string{
		`{"type":"zen:event-type:ticket.comment_added","subject":"zen:ticket:35436","detail":{"id":"35436"}}`,
		`{"type":"zen:event-type:ticket.created","subject":"zen:ticket:+1"}`, `{"type":"zen:event-type:user.created","subject":"zen:user:1"}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tickets, _, err := z.Parse(t.Context(), signed(body))
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

// Whatever an audit holds, it becomes entries without a panic.
func FuzzAudit(f *testing.F) {
	for _, seed := range []string{
		`{"id":1,"created_at":"2031-05-06T07:08:00Z","metadata":{"custom":{"deskbridge":"m1"}},"events":[{"id":2,"type":"Comment","public":true,"author_id":3,"html_body":"<p>x</p>"}]}`,
		`{"metadata":{"custom":[]},"via":{"source":{"rel":"merge","from":{"ticket_id":4}}},"events":[{"type":"Comment","attachments":[{"id":5,"content_url":"https://a.example/\"x"}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var a audit
		if json.Unmarshal(raw, &a) != nil {
			return
		}
		for _, w := range a.written(map[int64]user{3: {ID: 3, Role: "agent"}}) {
			if w.Ours != (a.tag() != "") || w.Ours && w.Tag == "" {
				t.Errorf("%+v", w)
			}
		}
	})
}
