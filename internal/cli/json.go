package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// List is the form of a listing in JSON, as the API has it.
type List[T any] struct {
	Items []T `json:"items"`
	// Next is the cursor of the next page, null on the last.
	Next *string `json:"next"`
}

// NewList returns a list whose items are never null. An empty next is none.
func NewList[T any](items []T, next string) List[T] {
	l := List[T]{Items: items}
	if items == nil {
		l.Items = []T{}
	}
	if next != "" {
		l.Next = &next
	}
	return l
}

// WriteJSON writes v, indented and redacted. What JSON leaves as it is and a
// terminal would act on is escaped as well.
func (o Options) WriteJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	var out bytes.Buffer
	for _, r := range o.redact(b.String()) {
		if r != '\n' && steers(r) { // only ever within a string
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	_, err := w.Write(out.Bytes())
	return err
}
