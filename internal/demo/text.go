package demo

import (
	"bytes"
	"strings"

	"github.com/jhillyerd/enmime/v2"

	"github.com/deskbridge/deskbridge/internal/demo/stage"
)

// mailContent is what a customer's mail program shows of a mail: its words and
// its files.
func mailContent(raw []byte) (words string, files []stage.File) {
	e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
	if err != nil {
		return "", nil
	}
	for _, p := range append(e.Attachments, e.Inlines...) {
		files = append(files, stage.File{Name: p.FileName, ContentType: p.ContentType, Content: p.Content})
	}
	return strings.TrimSpace(strings.ReplaceAll(e.Text, "\r\n", "\n")), files
}

// ids are the Message-IDs of a header field, without brackets.
func ids(field string) []string {
	var list []string
	for id := range strings.FieldsSeq(field) {
		list = append(list, strings.Trim(id, "<>"))
	}
	return list
}
