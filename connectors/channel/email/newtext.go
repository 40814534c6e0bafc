package email

import "github.com/deskbridge/deskbridge/normalize/text"

// newlyWritten returns of a mail's whole text what the sender wrote now. In a
// mail that is forwarded all counts: it was sent for the sake of what it
// passes on.
func newlyWritten(b *body, full, subject string) string {
	if text.IsForward(subject) {
		return full
	}
	return text.NewlyWrittenOf(full, b.html())
}
