package timeline

import (
	"context"
	"errors"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// Store is what the timeline needs of the database. Every method that writes
// is one commit; it returns nil only when the commit is durable.
type Store interface {
	// Stage makes ready what one account took in, as far as that needs nothing
	// of what is stored. The function that it returns commits: ledger rows,
	// messages, identities, conversations, events, forward jobs and cursors.
	// Entries are applied in order; the results stand in the order of the
	// entries. Media of parts come with ID, and with SHA256 or Ref set, and get
	// their rows here, and those with a Ref the jobs that fetch them. It
	// fails with ErrFenced when another node has taken the account's lease.
	Stage(in Ingest) (commit func(context.Context) ([]Result, error), err error)
	// Reply commits an outgoing message with its deliver jobs. The same
	// IdempotencyKey returns the first message and repeated=true.
	Reply(ctx context.Context, r Reply) (m *normalize.Message, repeated bool, err error)
	// Answered returns the message that an IdempotencyKey made before, or nil;
	// ErrConflict where that was for another request.
	Answered(ctx context.Context, idempotencyKey string, requestHash [32]byte) (*normalize.Message, error)
	// SetConversation opens or closes a conversation. Setting it to the state
	// that it has is no event.
	SetConversation(ctx context.Context, id normalize.ID, s normalize.ConversationState, now time.Time) (*normalize.Conversation, error)
	// CloseIdle closes conversations without activity since before, at most
	// limit of them, and returns how many.
	CloseIdle(ctx context.Context, before, now time.Time, limit int) (int, error)
	// Cursor returns a committed cursor of an account; "" for none.
	Cursor(ctx context.Context, account, key string) (string, error)
	// Quarantined returns those of some sizes of which an account has an input
	// in quarantine.
	Quarantined(ctx context.Context, account string, sizes []int64) (map[int64]bool, error)
	// MarkDeleted notes that a message was taken back, and tells of it. What it
	// said stays, for us.
	MarkDeleted(ctx context.Context, message normalize.ID, now time.Time) (*normalize.Message, error)
	// PutMedia records a stored file and returns it with its id. The same
	// bytes give one file and still an id for each name.
	PutMedia(ctx context.Context, m normalize.Media, now time.Time) (normalize.Media, error)

	Reader
}

// Commit stages what an account took in and commits it at once.
func Commit(ctx context.Context, s Store, in Ingest) ([]Result, error) {
	commit, err := s.Stage(in)
	if err != nil {
		return nil, err
	}
	return commit(ctx)
}

// Reader is the read side. Lists are bounded by limit; a missing row is
// ErrNotFound.
type Reader interface {
	Message(ctx context.Context, id normalize.ID) (*normalize.Message, error)
	// SentParts returns how the vendor knows the parts of a message of ours;
	// none for a message that we did not send.
	SentParts(ctx context.Context, message normalize.ID) ([]SentPart, error)
	// ByExternalID finds a message of an account by the vendor's id.
	ByExternalID(ctx context.Context, account, externalID string) (*normalize.Message, error)
	// Timeline returns a customer's messages, newest first, older than before
	// (0 is from the newest).
	Timeline(ctx context.Context, customer, before normalize.ID, limit int) ([]*normalize.Message, error)
	Conversation(ctx context.Context, id normalize.ID) (*normalize.Conversation, error)
	Conversations(ctx context.Context, f ConversationFilter) ([]*normalize.Conversation, error)
	// LastInbound returns the newest inbound message of a conversation, or
	// nil where the customer has not written in it yet.
	LastInbound(ctx context.Context, conversation normalize.ID) (*normalize.Message, error)
	// Media returns a file: ErrPending while it is still with the vendor,
	// ErrNoMedia where it did not come.
	Media(ctx context.Context, id normalize.ID) (*normalize.Media, error)
	// Unreachable returns why an address must not be written to: unreachable or
	// opted_out; nil where it may.
	Unreachable(ctx context.Context, a normalize.Address) (*Refused, error)
	// ReplyWindow returns how long and how often an account may still write to
	// an address within a conversation, 0 for one that is yet to begin; nil
	// where there is no end.
	ReplyWindow(ctx context.Context, account string, a normalize.Address, conversation normalize.ID) (*Window, error)
	// Written returns how many messages of ours an account has taken for an
	// address, after since and not after now by the clock of their time. Notes
	// do not count, and neither does what was sent in the vendor's own app.
	Written(ctx context.Context, account string, a normalize.Address, since, now time.Time) (int, error)
	// Events returns events after the cursor, in commit order. No event that
	// commits later can have a smaller Seq than one that was returned.
	Events(ctx context.Context, after int64, limit int) ([]*normalize.Event, error)
	// LastEvent returns the newest Seq; 0 for none.
	LastEvent(ctx context.Context) (int64, error)
	Ledger(ctx context.Context, f LedgerFilter) ([]*LedgerEntry, error)
	LedgerEntry(ctx context.Context, id normalize.ID) (*LedgerEntry, error)
	// LedgerRaw returns an input as it is kept, with its account. ErrGone when
	// its retention is over.
	LedgerRaw(ctx context.Context, id normalize.ID) (account string, raw Raw, err error)
	// LedgerOf returns the entry that brought a message in.
	LedgerOf(ctx context.Context, message normalize.ID) (*LedgerEntry, error)
}

// Errors of a Store.
var (
	ErrNotFound = errors.New("not found")
	ErrFenced   = errors.New("another node has taken over this account")
	ErrGone     = errors.New("the raw input is no longer kept")
	// ErrConflict: the request contradicts what is stored, such as an
	// idempotency key that was used for another request. It wraps words.
	ErrConflict = errors.New("conflict")
	// ErrPending: the medium is being fetched from its vendor.
	ErrPending = errors.New("this file is still being fetched from the vendor")
	// ErrNoMedia: fetching was given up. It wraps words.
	ErrNoMedia = errors.New("this file could not be fetched from the vendor")
	// ErrErased: the customer was erased and stays so.
	ErrErased = errors.New("this customer has been erased")
)

// Ingest is one commit of one account.
type Ingest struct {
	Account string
	// Fence is the token of the account's lease; 0 where none is needed.
	Fence   int64
	Entries []Entry
	Cursors []normalize.Cursor
	Now     time.Time
	// IdleTimeout: a conversation without activity for so long is not
	// continued by Thread.Key.
	IdleTimeout time.Duration
}

// Entry is one input with what decoding made of it.
type Entry struct {
	Input Raw
	// Outcome is Accepted where Item is to be placed, or what decoding decided
	// already: Disregarded or Quarantined, each with a Reason.
	Outcome normalize.Outcome
	Reason  string
	// Item is set for Accepted, and for Quarantined holds the *Message that
	// stands in as a stub, nil where the sender is unknown.
	Item normalize.Item
	// Replay is the ledger entry that is run again; its row is updated
	// instead of a new one written, and its stub replaced.
	Replay normalize.ID
}

// Raw is an input as the ledger keeps it.
type Raw struct {
	Key         string
	ContentType string
	Meta        map[string]string
	ReceivedAt  time.Time
	Size        int64
	// Digest is the SHA-256 of the raw bytes; of a carved input that of its
	// references and the rest, which fixes the bytes as well.
	Digest [32]byte
	// Encoding tells where the bytes are: one of the constants below.
	Encoding string
	Data     []byte
	// Files are the digests of the files that a carved input refers to, on its
	// way to the store, each once. They live as long as it does.
	Files [][32]byte
}

// Encodings of Raw.Data.
const (
	RawPlain   = ""        // as they came
	RawDeflate = "deflate" // RFC 1951
	RawZstd    = "zstd"    // RFC 8878; no longer written
	RawS2      = "s2"
	RawFile    = "file"   // in the media store, under Raw.Digest
	RawCarved  = "carved" // without the files that it carries, which are in the media store
	RawGone    = "none"   // not kept
)

// Result is what became of an entry.
type Result struct {
	Ledger  normalize.ID
	Outcome normalize.Outcome
	Reason  string
	// Message is the message it made, or repeated.
	Message normalize.ID
}

// Reply is an outgoing message, complete but for its ids.
type Reply struct {
	// Message has Channel.Name, ConversationID and Address; a zero
	// ConversationID starts or continues one by Address and Thread.Key.
	Message *normalize.Message
	// Jobs are the vendor requests that carry it: indexes into Message.Parts.
	// None for a note.
	Jobs [][]int
	// Anytime: they need no open reply window. Otherwise Reply fails with a
	// *Refused where the window does not take all of them.
	Anytime        bool
	IdempotencyKey string
	// RequestHash tells an honest repeat of the key from a clash.
	RequestHash [32]byte
	ExpiresAt   time.Time
	Now         time.Time
}

// ConversationFilter selects conversations; zero fields select all.
type ConversationFilter struct {
	State    normalize.ConversationState
	Channel  string
	Customer normalize.ID
	After    normalize.ID // older than this one: newest first
	Limit    int
}

// LedgerFilter selects ledger entries, newest first.
type LedgerFilter struct {
	Account string
	Outcome normalize.Outcome
	After   normalize.ID // older than this one
	Since   time.Time
	Limit   int
}

// LedgerEntry is one row of the ledger.
type LedgerEntry struct {
	ID          normalize.ID      `json:"id"`
	Account     string            `json:"account"`
	Key         string            `json:"key"`
	ContentType string            `json:"content_type"`
	Meta        map[string]string `json:"meta,omitempty"`
	ReceivedAt  time.Time         `json:"received_at"`
	RecordedAt  time.Time         `json:"recorded_at"`
	Outcome     normalize.Outcome `json:"outcome"`
	Reason      string            `json:"reason,omitempty"`
	Message     normalize.ID      `json:"message_id,omitzero"`
	Size        int64             `json:"size"`
	RawKept     bool              `json:"raw_kept"`
}
