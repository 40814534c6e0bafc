package wecomkf

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

func offline() *WecomKf {
	return New(&Config{CorpID: corpID, OpenKfIDs: []string{kf1}}, connectors.Deps{HTTP: http.DefaultClient})
}

func TestWhatCannotBeReadIsStillSomebodys(t *testing.T) {
	w := offline()
	for name, c := range map[string]struct {
		raw  string
		from string
	}{
		"no JSON":        {`<xml>`, ""},
		"nobody":         {`{"msgid":"m","open_kfid":"k","origin":3,"msgtype":"text","text":{"content":"x"}}`, ""},
		"unknown origin": {`{"msgid":"m","open_kfid":"k","external_userid":"u","origin":7,"msgtype":"text"}`, "u"},
		"odd time":       {`{"msgid":"m","open_kfid":"k","external_userid":"u","send_time":{},"origin":3,"msgtype":"text"}`, "u"},
		"empty event":    {`{"msgid":"m","origin":4,"msgtype":"event"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := normalize.Input{Raw: []byte(c.raw)}
			if item, err := w.Decode(in); err == nil {
				t.Errorf("decoded as %+v", item)
			}
			var from string
			if m := w.Peek(in); m != nil {
				from, _ = w.userOf(m.Address)
			}
			if from != c.from {
				t.Errorf("a stub on the timeline of %q, want %q", from, c.from)
			}
		})
	}
}

// A chat record may hold others, each within a string within a string.
func TestChatRecordsWithinChatRecordsEnd(t *testing.T) {
	content := `{"text":{"content":"the innermost"}}`
	msgType := "text"
	for range 12 {
		b, err := json.Marshal(map[string]any{"merged_msg": map[string]any{
			"title": "record", "item": []any{map[string]any{"msgtype": msgType, "sender_name": "A", "msg_content": content}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		content, msgType = string(b), "merged_msg"
	}
	var outer map[string]json.RawMessage
	if err := json.Unmarshal([]byte(content), &outer); err != nil {
		t.Fatal(err)
	}
	parts := decodeContent("merged_msg", outer["merged_msg"], 0)
	if s := textOf(parts); strings.Count(s, "[chat record]") != maxRecordDepth+2 || strings.Contains(s, "innermost") {
		t.Errorf("%q", s)
	}

	many := map[string]any{"title": "long"}
	var items []any
	for range 5000 {
		items = append(items, map[string]any{"msgtype": "image", "sender_name": "A", "msg_content": `{"image":{"media_id":"m"}}`})
	}
	many["item"] = items
	raw, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	parts = decodeContent("merged_msg", raw, 0)
	if len(parts) != 1+maxRecordParts || !strings.HasSuffix(parts[0].Text, "[4800 more]") {
		t.Errorf("%d parts, ending in %q", len(parts), parts[0].Text[len(parts[0].Text)-40:])
	}
}

func TestOddSpellingsAreRead(t *testing.T) {
	var c struct {
		N number `json:"n"`
		W words  `json:"w"`
	}
	for raw, want := range map[string]struct {
		n number
		w words
	}{
		`{"n":1.5,"w":"a"}`:         {1.5, "a"},
		`{"n":"2","w":3}`:           {2, "3"},
		`{"n":null,"w":["a","b"]}`:  {0, "a, b"},
		`{"n":"","w":{"x":"y"}}`:    {0, ""},
		`{"n":0,"w":[1,["c"],{}]}`:  {0, "1, c"},
		`{"n":1772357400,"w":null}`: {1772357400, ""},
	} {
		c.N, c.W = 0, ""
		if err := json.Unmarshal([]byte(raw), &c); err != nil || c.N != want.n || c.W != want.w {
			t.Errorf("%s: %v %q, %v", raw, c.N, c.W, err)
		}
	}
	if json.Unmarshal([]byte(`{"n":"x"}`), &c) == nil {
		t.Error("x is a number")
	}
}
