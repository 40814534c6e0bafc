package helpdesk

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// Tickets is a backend that keeps a ticket for each conversation. It translates
// and nothing more: which ticket belongs to which conversation, what has been
// written and read, and what follows from it, is kept by package outbox/ticket,
// which calls it for one conversation at a time.
//
// Errors are *connectors.Error, or *Gone; any other counts as transient. What
// was perhaps taken is asked for, by its tag, before it is done again: so
// Ambiguous is the right class for a request without an answer.
//
// The ids of entries are unique within the backend, and stay when their ticket
// is merged into another.
type Tickets interface {
	Helpdesk
	// Open makes a ticket. The customer must not be known to the backend by an
	// address to which it would send mail or messages by itself.
	Open(ctx context.Context, d *Draft) (*Opened, error)
	// Find returns the ticket that was made for a draft with this tag, or nil.
	// It is asked where an Open may have been taken already.
	Find(ctx context.Context, tag string) (*Opened, error)
	// Write adds an entry to a ticket and returns its id. The backend must send
	// it to nobody outside. An Entry with Reopen leaves the ticket open.
	Write(ctx context.Context, ticket string, e *Entry) (id string, err error)
	// SetState opens or closes a ticket. One that is so already is no error.
	SetState(ctx context.Context, ticket string, s normalize.ConversationState) error

	// Changed names the tickets that were changed since a cursor, by anybody,
	// each at least once. The first cursor is "": the answer to it names no
	// ticket and holds the cursor of this moment.
	Changed(ctx context.Context, cursor string) (Changes, error)
	// Read returns how a ticket stands and what was written on it after a
	// position, oldest first; all of it where the position is "".
	Read(ctx context.Context, ticket, after string) (*Reading, error)
	// File opens a file of an entry that was read. The caller bounds how much
	// it reads, and closes it.
	File(ctx context.Context, f File) (io.ReadCloser, error)
	// Interval is how long to wait between two calls of Changed.
	Interval() time.Duration
}

// Webhook is a Tickets whose product calls us. A call only names tickets: they
// are read then, by a durable job.
type Webhook interface {
	// Parse verifies a call and returns the tickets that it is about.
	// connectors.ErrForged and connectors.ErrMalformed refuse it. Pure. The
	// reply is sent after the job has been committed.
	Parse(ctx context.Context, r *connectors.Request) (tickets []string, reply connectors.Reply, err error)
}

// Shower is a Tickets whose product can show what became of an answer at the
// answer itself.
type Shower interface {
	// Show tells how the answer that was read as entry now stands. Of failures
	// the ticket tells by a note as well.
	Show(ctx context.Context, ticket, entry string, c normalize.StatusChange) error
}

// Gone is the error of a ticket that is no longer there.
type Gone struct {
	// Into is the ticket that it was merged into; empty where it was deleted.
	Into string
	// At is when it was merged; zero where the product does not say.
	At time.Time
}

func (g *Gone) Error() string {
	if g.Into != "" {
		return fmt.Sprintf("the ticket was merged into %s", g.Into)
	}
	return "the ticket was deleted"
}

// Draft is a ticket to be made.
type Draft struct {
	// Tag is this ticket's own, short and printable, without blanks. The
	// backend keeps it where Find finds it.
	Tag     string
	Subject string // one line, never empty
	// Conversation has its Customer, Channel and Address.
	Conversation *normalize.Conversation
	// First is the entry that the ticket begins with. A product that makes a
	// ticket and its first entry at once says so by Opened.Entry.
	First *Entry
	// Facts are what agents want to know of the customer, for the fields that
	// the product has, or its first words.
	Facts []Fact
}

// Opened is a ticket that was made.
type Opened struct {
	Ticket string
	// URL is where agents see it; empty where that cannot be said.
	URL string
	// Entry is the id of Draft.First where the ticket began with it; empty
	// where that is still to be written.
	Entry string
}

// Fact is a line of what is known.
type Fact struct{ Name, Value string }

// EntryKind says whose words an entry holds.
type EntryKind string

const (
	// FromCustomer is what the customer wrote.
	FromCustomer EntryKind = "customer"
	// FromAgent is an answer that went out by another way than this helpdesk.
	FromAgent EntryKind = "agent"
	// Remark is for agents only: a failed delivery, a colleague's note.
	Remark EntryKind = "remark"
)

// Entry is something to be written on a ticket.
type Entry struct {
	// Tag is this entry's own, like Draft.Tag. The backend keeps it such that
	// Read returns it.
	Tag  string
	Kind EntryKind
	// Author is who wrote it: the customer, an agent, or Deskbridge.
	Author string
	// Message is what it is about, whole.
	Message *normalize.Message
	// Heading says in one line who wrote when and how, for products that show
	// all entries as ours.
	Heading string
	// Text is all that there is to say, in plain words: what is neither text
	// nor file is described. HTML is its rich form, sanitised, and shows files
	// by "cid:" and Media.ContentID; empty where there is none.
	Text, HTML string
	// Footing is what an agent should know beside it, one line each: how long
	// and how often the customer can be answered.
	Footing []string
	Files   []Attachment
	// Reopen: the ticket must be open afterwards.
	Reopen bool
	At     time.Time
}

// Plain is the whole entry in plain words, for products that show all entries
// as ours: heading, text, footing, files that were left out.
func (e *Entry) Plain(leftOut ...Attachment) string {
	return paragraphs(e.Heading, e.Text, e.Foot(leftOut...))
}

// Own is Plain for products that show a customer's entries as the customer's,
// at the time of writing, which is now.
func (e *Entry) Own(now time.Time, leftOut ...Attachment) string {
	return paragraphs(e.OwnHeading(now), e.Text, e.Foot(leftOut...))
}

// late is how old an entry is when its time is worth saying.
const late = time.Hour

// OwnHeading is the heading where it says more than such a product shows by
// itself: of what is not the customer's, of what is written late, and of what
// came after its message or says something else than it did.
func (e *Entry) OwnHeading(now time.Time) string {
	if e.Kind == FromCustomer && e.Text != "" && now.Sub(e.At) < late && (e.Message == nil || e.Message.EditedAt.IsZero()) {
		return ""
	}
	return e.Heading
}

func paragraphs(blocks ...string) string {
	var out []string
	for _, b := range blocks {
		if b != "" {
			out = append(out, b)
		}
	}
	return strings.Join(out, "\n\n")
}

// Foot is what follows the words of an entry: footing, and where the files are
// that the product does not take.
func (e *Entry) Foot(leftOut ...Attachment) string {
	lines := append([]string(nil), e.Footing...)
	for _, a := range leftOut {
		line := fmt.Sprintf("The file %q (%d bytes) is too large for this helpdesk.", a.Media.Name, a.Media.Size)
		if a.Link != "" {
			line += " It is here for some days: " + a.Link
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// Attachment is a file of an entry.
type Attachment struct {
	Media *normalize.Media
	// Open returns its content.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Link is where anybody may fetch it for some days; empty where no public
	// URL is configured.
	Link string
}

// Changes is a step of looking for changed tickets.
type Changes struct {
	Tickets []string
	Cursor  string
	More    bool // ask again at once
}

// Reading is what a ticket tells.
type Reading struct {
	State normalize.ConversationState
	// Entries are what people wrote, and what we wrote ourselves; not what the
	// product says of itself, such as a changed owner.
	Entries []Written
	// Position is behind the last of Entries, for the next Read; a Read from it
	// may return some of them again.
	Position string
	// More: there are entries behind Position.
	More bool
}

// Written is an entry that was read.
type Written struct {
	ID string
	// Ours: it was written by this connector, by the word of the tag that it
	// bears, or of its author where the product keeps no tags. An agent who
	// quotes a tag does not make an entry ours.
	Ours bool
	Tag  string
	// Public is meant for the customer. All else stays inside.
	Public bool
	// Moved: it came from another ticket, by a merge, or may have. Whoever it
	// was meant for, it reaches no customer.
	Moved  bool
	Author normalize.Author
	// Text is the answer as plain words; HTML its rich form, in which pictures
	// among the files are shown by "cid:" and File.Ref. Either may be empty.
	Text, HTML string
	Files      []File
	At         time.Time
}

// File is a file of an entry that was read.
type File struct {
	// Ref is what Tickets.File needs to open it; never a secret.
	Ref               string
	Name, ContentType string
	Size              int64 // 0 where the product does not say
}
