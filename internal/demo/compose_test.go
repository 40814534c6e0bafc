package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/deskbridge/deskbridge/internal/demo/stage"
)

func TestLettersReadAsTheyWereWritten(t *testing.T) {
	for _, sc := range script(newPeople()) {
		if sc.mail == nil {
			continue
		}
		l := *sc.mail
		if l.nested > 0 {
			continue // made so that nobody can read it
		}
		t.Run(l.subject, func(t *testing.T) {
			raw := compose(l, "2@x.example", thread{replyTo: "1@x.example", references: []string{"0@x.example"}}, time.Now())
			if strings.Contains(strings.ReplaceAll(string(raw), "\r\n", ""), "\n") {
				t.Error("a line does not end with CRLF")
			}
			e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
			if err != nil || len(e.Errors) > 0 {
				t.Fatalf("%v %v", err, e.Errors)
			}
			if got := e.GetHeader("Subject"); got != l.subject {
				t.Errorf("subject %q", got)
			}
			if got := e.GetHeader("From"); !strings.Contains(got, l.from.name) {
				t.Errorf("from %q", got)
			}
			if got := first(mailContent(raw)); got != strings.TrimSpace(l.text) {
				t.Errorf("text %q", got)
			}
			if (l.html != "") != strings.Contains(e.HTML, "tracker.example") {
				t.Errorf("HTML %q", e.HTML)
			}
			if l.file != nil && (len(e.Attachments) != 1 || e.Attachments[0].FileName != l.file.name || !bytes.Equal(e.Attachments[0].Content, l.file.content)) {
				t.Errorf("attachments %v", e.Attachments)
			}
			if e.GetHeader("In-Reply-To") != "<1@x.example>" || e.GetHeader("References") != "<0@x.example> <1@x.example>" {
				t.Errorf("thread: %q, %q", e.GetHeader("In-Reply-To"), e.GetHeader("References"))
			}
		})
	}
}

func first(words string, _ []stage.File) string { return words }
