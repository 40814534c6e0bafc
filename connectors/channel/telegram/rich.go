package telegram

import (
	"encoding/json"
	"strings"
)

// maxNesting bounds how deep the blocks of a rich message are looked into.
const maxNesting = 50

// richWords are the words of a rich message, a line for each of its blocks
// (https://core.telegram.org/bots/api#richmessage).
func richWords(raw json.RawMessage) string {
	var message struct {
		Blocks []any `json:"blocks"`
	}
	if json.Unmarshal(raw, &message) != nil {
		return ""
	}
	var b strings.Builder
	rich(&b, message.Blocks, true, maxNesting)
	lines := strings.FieldsFunc(b.String(), func(r rune) bool { return r == '\n' })
	return strings.Join(lines, "\n")
}

// What blocks and words within them hold, in the order in which it is read.
var (
	richInner  = strings.Fields("summary text alternative_text expression")
	richBlocks = strings.Fields("blocks items cells caption credit")
)

// rich writes what is said in v: blocks, each on a line of its own, or words
// within one.
func rich(b *strings.Builder, v any, block bool, depth int) {
	if depth == 0 {
		return
	}
	switch v := v.(type) {
	case string:
		b.WriteString(v)
	case []any:
		for _, e := range v {
			rich(b, e, block, depth-1)
		}
	case map[string]any:
		if label, ok := v["label"].(string); ok {
			b.WriteString(strings.TrimSpace(label) + " ")
		}
		before := b.Len()
		for _, name := range richInner {
			rich(b, v[name], false, depth-1)
		}
		if url, ok := v["url"].(string); ok && !strings.Contains(b.String()[before:], url) {
			b.WriteString(" (" + url + ")")
		}
		for _, name := range richBlocks {
			if inner, ok := v[name]; ok {
				rich(b, inner, true, depth-1)
			}
		}
		if block {
			b.WriteByte('\n')
		}
	}
}
