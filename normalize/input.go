package normalize

import "time"

// Input is one thing that arrived at an account, as raw as it came. It is kept
// in the ledger and can be decoded again years later, so all that decoding
// needs stands in it.
type Input struct {
	// Key names the input for people ("INBOX/17/4711", a vendor's event id).
	Key string
	Raw []byte
	// ContentType of Raw, such as "message/rfc822" or "application/json".
	ContentType string
	// Meta is what the vendor said beside Raw, such as the mailbox.
	Meta map[string]string
	// ReceivedAt is when the vendor, or else we, took it in.
	ReceivedAt time.Time
	// Refused is set by a channel that knows already that the input cannot be
	// decoded, such as a mail over the size limit of which Raw holds the head
	// only. The input is quarantined for this reason.
	Refused string
}

// Cursor is how far an account has read a source, such as one mailbox. The
// value is opaque to all but the channel.
type Cursor struct{ Key, Value string }

// Batch is what a channel hands over at once: it is committed as a whole, the
// cursors with it, or not at all.
type Batch struct {
	Inputs  []Input
	Cursors []Cursor
}

// Outcome is what became of an input. Every input has one.
type Outcome string

const (
	Accepted    Outcome = "accepted"
	Duplicate   Outcome = "duplicate"   // it had been accepted before
	Echo        Outcome = "echo"        // it is our own message, come back
	Disregarded Outcome = "ignored"     // understood, and of no concern
	Waiting     Outcome = "waiting"     // it is about a message that is not known yet, and is kept for it for three days
	Quarantined Outcome = "quarantined" // not understood; kept, shown as a stub, can be replayed
)
