// Package channel is the contract of a customers' channel: what a connector
// for e-mail, WeChat or SMS does for one configured account, and what it may
// rely on. A channel translates; it stores nothing, retries nothing and knows
// no helpdesk.
package channel

import (
	"context"
	"io"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// Channel is one account on one channel. All methods may be called by several
// goroutines at once, and all that block return soon after their context ends.
type Channel interface {
	// Probe finds out whether the credentials are good and who we are. The
	// returned address is our own: what it writes is never a customer's.
	Probe(ctx context.Context) (normalize.Address, error)
	// Decode says what an input is. It is pure: no I/O, no clock, the same
	// answer for the same input, so that the ledger can be replayed. An error
	// or a panic quarantines the input; its bytes are kept.
	Decode(in normalize.Input) (normalize.Item, error)
	// Close ends what the account holds open.
	Close(ctx context.Context) error
}

// Webhook is a channel whose vendor calls us.
type Webhook interface {
	// Parse verifies a call and takes it apart into inputs. It is pure.
	// connectors.ErrForged and ErrMalformed refuse the call. The reply is sent after the
	// batch has been committed.
	Parse(ctx context.Context, r *connectors.Request) (normalize.Batch, connectors.Reply, error)
}

// Poller is a channel that asks the vendor for news.
type Poller interface {
	// Poll returns what came since cursor ("" for the first time). The daemon
	// commits the batch and calls again: at once when more is set, else after
	// the account's interval.
	Poll(ctx context.Context, cursor string) (b normalize.Batch, more bool, err error)
}

// Streamer is a channel that keeps a connection open.
type Streamer interface {
	// Stream reads until ctx ends or something breaks. The daemon calls it
	// again after a pause, with an error's class in mind. It runs once per
	// account over all nodes.
	Stream(ctx context.Context, src Source) error
}

// Source is what a Streamer reads for.
type Source interface {
	// Cursor returns the committed value under key; "" for none.
	Cursor(ctx context.Context, key string) (string, error)
	// Sink commits a batch. Nil means durably stored: the vendor may be told.
	Sink(ctx context.Context, b normalize.Batch) error
	// Woken receives after a call of the vendor was committed for the account:
	// a Streamer whose Webhook only says that there is news looks for it now.
	// Several calls may be one signal, and one that another node took is none,
	// so it looks by itself from time to time.
	Woken() <-chan struct{}
	// Alive says that the vendor was just asked and answered, news or not.
	// The lateness of the last one is a metric and an alert.
	Alive()
}

// Stager is what a Source may be besides: it begins with a batch while those
// before are being made ready and committed.
type Stager interface {
	// Stage does all of Sink that needs nothing of what was committed before.
	// Several goroutines may call it at once, for a batch each. The function that it returns commits, as Sink does, and is called once,
	// in the order of the batches; where its context has ended, it only cleans
	// up.
	Stage(ctx context.Context, b normalize.Batch) (commit func(context.Context) error, err error)
}

// GapCounter is what a Source may be besides.
type GapCounter interface {
	// Gaps counts inputs that the vendor had listed all the time, and that a
	// comparison with what was taken in has only found now.
	Gaps(n int)
}

// Sender is a channel that carries answers.
type Sender interface {
	// Limits returns what may be sent into a thread now, as data.
	Limits(ctx context.Context, t normalize.Thread) (Limits, error)
	// Send makes exactly one vendor request for o and returns what the vendor
	// said of each recipient. It calls o.Begin right before the request that
	// cannot be taken back. Its error is a *connectors.Error; any other
	// counts as ambiguous once Begin was called, and as transient before.
	Send(ctx context.Context, o *Outbound) (Sent, error)
}

// Limits are the facts that splitting, early refusal and the inbox work from.
// Zero means no limit, false means no.
type Limits struct {
	// TextRunes, TextUnits and TextBytes bound the text of one request, as it is
	// rendered in Markup, in runes, in code units of UTF-16 and in bytes of
	// UTF-8.
	TextRunes, TextUnits, TextBytes int
	// Unordered: the vendor may deliver requests in another order than that of
	// their acceptance, so that the pieces of one text are numbered.
	Unordered bool
	// Bundle: all parts of a message go out in one request (an e-mail).
	Bundle bool
	// HTML: rich text is carried as it is.
	HTML bool
	// Markup is what rich text becomes on the way out otherwise; see
	// text.Render. The zero value is plain text.
	Markup normalize.Markup
	// Segments: the text is carried, and billed, in segments of SMS, so that
	// agents are shown how many there will be.
	Segments bool
	// Template: after its reply window has closed the channel can still carry
	// text, within a template that the vendor approved. Send finds the window
	// in Outbound.Message.ReplyWindow.
	Template bool
	// Kinds that can be sent, with the largest size of their media.
	Kinds map[normalize.PartKind]MediaLimit
	// TotalBytes bounds a bundle.
	TotalBytes int64
	// Idempotent: the vendor recognises a repeat of Outbound.Key, so that an
	// ambiguous error may be retried.
	Idempotent bool
	// Rate is how many requests per second the account may make, and Burst
	// how many at once.
	Rate  float64
	Burst int
	// Daily is how many requests the account may make within any 24 hours, and
	// DailyRecipients how many recipients these may have together. The daemon
	// counts, and waits until there is room.
	Daily, DailyRecipients int
	// Parallel is how many requests may be under way at once; 0 is a default.
	Parallel int
}

// MediaLimit bounds one kind of part.
type MediaLimit struct {
	Bytes int64
	Types []string // content types; nil is any
}

// Outbound is one request to a vendor: one part of a message, or all of them
// where Limits.Bundle is set.
type Outbound struct {
	// Key is the same over all attempts and restarts, and no other request's.
	Key string
	// Attempt counts from 1.
	Attempt int
	// Begun is when the attempt began that the vendor may have taken; for a
	// Resolver.
	Begun time.Time
	// Known reports whether a vendor's id is that of another request of the
	// account, whose answer has been heard; for a Resolver that cannot tell
	// requests with the same words apart. Over all nodes and restarts.
	Known func(ctx context.Context, externalID string) (bool, error)
	// Message is the whole message, its Thread filled. Parts are those of its
	// parts that go out by this request.
	Message *normalize.Message
	Parts   []normalize.Part
	// Recipients are those who are still to get it: Thread.To and Cc, less
	// those for whom an earlier attempt succeeded or failed for good. On
	// channels without Thread.To it is Message.Address alone.
	Recipients []normalize.Address
	// Begin records durably that the request is about to be made. What is
	// interrupted before Begin is simply tried again; after it, it is
	// uncertain. An error from it must be returned and nothing be sent.
	Begin func(ctx context.Context) error
	// Link returns an address under which anybody may fetch a medium for some
	// days, for vendors that do so; empty where no public URL is configured.
	Link func(m *normalize.Media) string
	// Open returns the content of a medium.
	Open func(ctx context.Context, m *normalize.Media) (io.ReadCloser, error)
}

// Sent is a vendor's answer to one request.
type Sent struct {
	// ExternalID is the vendor's id of what was sent.
	ExternalID string
	// Detail is for people, such as the queue id of a mail server.
	Detail string
	// Delivered: the vendor says that it has even arrived.
	Delivered bool
	// Closed: it went out in another way, since the vendor takes no answer
	// before the customer writes again.
	Closed bool
	// Recipients holds what became of each one where there are several. One
	// that is missing shares the fate of the request.
	Recipients []RecipientResult
}

// RecipientResult is what became of one recipient. A nil Err is acceptance.
type RecipientResult struct {
	Address normalize.Address
	Err     *connectors.Error
}

// The rest is optional. The daemon looks for each of it once, by a type
// assertion.

// Preparer completes an outgoing message before it is committed.
type Preparer interface {
	// Prepare fills in what the channel knows beforehand: ExternalID where it
	// is ours to choose, Subject, and Thread from the message replied to, which
	// is nil for the first message of a conversation. Pure.
	Prepare(m, repliedTo *normalize.Message) error
}

// Addresser is a channel on which an agent may write first.
type Addresser interface {
	// Address returns the address that a person typed, in the form in which
	// Decode gives it. Its error says what an address looks like.
	Address(typed string) (normalize.Address, error)
}

// Peeker says who an input is from, and what about, where Decode cannot read
// it: enough for a stub on that customer's timeline.
type Peeker interface {
	// Peek returns a message with Address, Subject, SentAt and Thread at most,
	// or nil. Pure.
	Peek(in normalize.Input) *normalize.Message
}

// Finisher does what follows an accepted request and must never repeat it,
// such as the copy in the Sent mailbox. It is a job of its own.
type Finisher interface {
	// Finish must be idempotent.
	Finish(ctx context.Context, o *Outbound) error
}

// Fetcher is a channel whose inbound media stay with the vendor at first.
type Fetcher interface {
	// Fetch opens the content behind Media.Ref. It is called by a job of its
	// own until it succeeds or its error says never. The caller bounds how
	// much it reads, and closes Body.
	Fetch(ctx context.Context, ref string) (*Fetched, error)
}

// Fetched is content on its way in. What the vendor does not say is zero, and
// what Media says of it already then stands.
type Fetched struct {
	Name        string
	ContentType string
	Size        int64
	Body        io.ReadCloser
}

// Profiler is a channel whose vendor knows more of a customer than messages
// tell.
type Profiler interface {
	// Profile asks who has an address, soon after its first message.
	Profile(ctx context.Context, a normalize.Address) (*Profile, error)
}

// Profile is what a Profiler tells. It stands with the model, since the store
// keeps it.
type Profile = normalize.Profile

// Evidence is a part of a Profile.
type Evidence = normalize.Evidence

// Typer is a channel on which the customer can see that somebody is writing.
type Typer interface {
	// Typing shows it for some seconds. Nothing depends on it.
	Typing(ctx context.Context, t normalize.Thread, to normalize.Address) error
}

// Recaller is a channel on which we can take back what was sent.
type Recaller interface {
	// Recall takes back the part of o that the vendor knows as externalID.
	Recall(ctx context.Context, o *Outbound, externalID string) error
}

// Resolver finds out what became of an uncertain request.
type Resolver interface {
	// Resolve returns found=false while nothing is known.
	Resolve(ctx context.Context, o *Outbound) (sent Sent, found bool, err error)
}

// Kind is a type of channel.
type Kind struct {
	// Type is its name in the configuration; Title is for people.
	Type, Title string
	// Addresses are the kinds of address that its customers have, the usual one
	// first.
	Addresses []string
	// Facts are what the documentation says of the kind.
	Facts Facts
	// Config returns a new configuration with its defaults, as a pointer to a
	// struct with the tags of package configs.
	Config func() connectors.Config
	// New opens an account. It does no I/O: the vendor may be down now.
	New func(c connectors.Config, d connectors.Deps) (Channel, error)
}

// Facts are what a kind of channel can do, as far as no method tells it. The
// suite in connectortest holds them against the channel's fixtures.
type Facts struct {
	// Receives are the kinds of part that its messages have.
	Receives []normalize.PartKind
	// Edits, Deletes and Reactions of customers are seen.
	Edits, Deletes, Reactions bool
	// Receipts are the statuses that the vendor reports after acceptance.
	Receipts []normalize.Status
	// Window is how long and how often one may answer, in words; empty for
	// always.
	Window string
	// PerPeerHour is how many messages to one customer within an hour no
	// person would write: the default of delivery.max_per_peer_hour. 0 is 300.
	PerPeerHour int
}

// Kinds are the registered types of channel.
var Kinds connectors.Registry[Kind]

// Register adds a kind; call it from an init function.
func Register(k Kind) { Kinds.Add(k.Type, k) }
