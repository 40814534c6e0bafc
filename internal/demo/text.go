package demo

import (
	"bytes"
	"strings"

	"github.com/jhillyerd/enmime/v2"
)

// plainText is what a customer's mail program shows of a mail.
func plainText(raw []byte) string {
	e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(e.Text, "\r\n", "\n")
}

// ids are the Message-IDs of a header field, without brackets.
func ids(field string) []string {
	var list []string
	for id := range strings.FieldsSeq(field) {
		list = append(list, strings.Trim(id, "<>"))
	}
	return list
}
