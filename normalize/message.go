// Package normalize is the canonical model: what a message, an address, a
// thread and a receipt are, whatever channel they came by. Channels translate
// into it and helpdesks out of it. It imports the standard library only.
//
// All text in it is valid UTF-8 without NUL, all times are UTC with
// microseconds, sizes are in bytes.
package normalize

import "time"

// Direction tells who wrote a message.
type Direction string

const (
	Inbound  Direction = "inbound"  // a customer
	Outbound Direction = "outbound" // an agent, or an echo of one
)

// Message is one thing that somebody said, in one or several parts. Its JSON
// form is the public one: the API, the events and the webhooks show it.
type Message struct {
	ID             ID        `json:"id"`
	ConversationID ID        `json:"conversation_id"`
	Customer       *Customer `json:"customer,omitempty"` // filled by the read side
	Direction      Direction `json:"direction"`
	Channel        Account   `json:"channel"`
	// Address is the customer's, in both directions. What our own people wrote
	// in the vendor's app comes without it where the vendor does not say whom
	// it is for: then it belongs to the conversation that Thread.ReplyTo or
	// References lead to, else to that of a customer who last wrote in the same
	// thread (see Thread.Shared), and is ignored where there is none.
	Address Address `json:"address"`
	// ExternalID is the vendor's id; e-mail: the Message-ID without brackets.
	ExternalID string `json:"external_id"`
	Thread     Thread `json:"thread"`
	Subject    string `json:"subject"`
	// SentAt is the vendor's time (e-mail: the Date header), ReceivedAt ours.
	SentAt     time.Time `json:"sent_at,omitzero"`
	ReceivedAt time.Time `json:"received_at"`
	// Text is what was newly written; FullText is everything, quotes included.
	Text     string `json:"text"`
	FullText string `json:"full_text"`
	HTML     string `json:"html"` // sanitised; empty where there was none
	Parts    []Part `json:"parts"`
	// ReplyWindow is nil where the channel lets us answer at any time. An
	// inbound message brings the window that it opens; the read side fills in
	// what is left of it now, over all conversations that share it.
	ReplyWindow *ReplyWindow `json:"reply_window"`
	// Automated mail (RFC 3834 and kin) is shown and never answered.
	Automated    bool `json:"automated"`
	RawAvailable bool `json:"raw_available"`
	// Authentication says whether the sender's domain vouches for the message;
	// nil where nobody could tell, and on channels whose vendor knows who
	// writes.
	Authentication *Authentication `json:"authentication,omitempty"`

	// Author is the agent who wrote an outbound message.
	Author *Author `json:"author,omitempty"`
	// Note marks what agents tell each other; it never leaves on a channel.
	Note bool `json:"note,omitempty"`
	// Unreadable is the reason why an input could not be understood. The
	// message is then a stub that points to the raw bytes.
	Unreadable string     `json:"unreadable,omitempty"`
	EditedAt   time.Time  `json:"edited_at,omitzero"`
	DeletedAt  time.Time  `json:"deleted_at,omitzero"`
	Reactions  []Reaction `json:"reactions,omitempty"`

	// Consent is set where the message says whether its author wants to be
	// written to: STOP, an unsubscription, a blocked bot, and the reverse.
	Consent Consent `json:"-"`

	// Fingerprint tells two messages apart that carry the same ExternalID, as
	// broken mail programs produce them. Empty where the vendor's ids can be
	// trusted. It takes part in deduplication only.
	Fingerprint string `json:"-"`
}

// Consent of a customer to be written to at an address. A refusal holds until
// the customer gives consent again: other messages of theirs do not lift it.
type Consent string

const (
	OptedOut Consent = "opted_out"
	OptedIn  Consent = "opted_in"
)

// Account names a configured channel or helpdesk.
type Account struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Author is an agent.
type Author struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
}

// Customer is a person or a company that writes to us, with every address
// that is known to be theirs.
type Customer struct {
	ID        ID        `json:"id"`
	Name      string    `json:"name"`
	Addresses []Address `json:"addresses"`
}

// PartKind says what a part is.
type PartKind string

const (
	PartText     PartKind = "text"
	PartImage    PartKind = "image"
	PartAudio    PartKind = "audio"
	PartVideo    PartKind = "video"
	PartFile     PartKind = "file"
	PartLocation PartKind = "location"
	PartContact  PartKind = "contact"
	PartSticker  PartKind = "sticker"
	PartCall     PartKind = "call"
	PartEvent    PartKind = "event" // something that happened rather than was said: joined, pressed a menu
)

// Part is the smallest unit that can be sent, fail and be retried.
type Part struct {
	ID   ID       `json:"id"`
	Kind PartKind `json:"kind"`
	// Text is the words of a text part, the caption of a medium, the
	// transcript of a recording.
	Text     string    `json:"text,omitempty"`
	HTML     string    `json:"html,omitempty"` // outbound text parts: the sanitised rich form
	Media    *Media    `json:"media,omitempty"`
	Location *Location `json:"location,omitempty"`
	Contact  *Contact  `json:"contact,omitempty"`
	Call     *Call     `json:"call,omitempty"`
	Event    string    `json:"event,omitempty"` // what happened, as a short name
	Status   Status    `json:"status"`
	StatusAt time.Time `json:"status_at,omitzero"`
	// Notice tells the agent how the channel carries the part where that is not
	// as it was written: a file that went as a link.
	Notice string `json:"notice,omitempty"`
	// Error says in plain words why the part failed or is uncertain, or who of
	// several recipients did not get it: see Receipt.
	Error string `json:"error,omitempty"`
}

// Media is a file. Its bytes stand in the media store under SHA256.
type Media struct {
	ID          ID     `json:"id"`
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	URL         string `json:"url,omitempty"` // filled by the read side
	// ContentID ties an inline image to the HTML that shows it.
	ContentID string `json:"content_id,omitempty"`
	SHA256    string `json:"-"`
	// Ref is set for content that is still with the vendor: what the channel's
	// Fetcher needs to get it. The part is pending until it has been fetched.
	Ref string `json:"-"`
	// Data is the content on its way from a decoder to the media store; nil
	// once stored.
	Data []byte `json:"-"`
}

// Location is a place in WGS 84 degrees.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
}

// Contact is a business card that was sent.
type Contact struct {
	Name      string    `json:"name"`
	Addresses []Address `json:"addresses,omitempty"`
}

// Call is a phone call. Its recording, if any, is the part's Media.
type Call struct {
	State    CallState `json:"state"`
	Duration int64     `json:"duration_seconds,omitempty"`
}

// CallState says how far a call has come. It only moves forward, in this order:
// a vendor may say that the caller's line is down before it says that somebody
// had answered, and such a call was not missed.
type CallState string

const (
	CallRinging  CallState = "ringing"
	CallMissed   CallState = "missed"
	CallAnswered CallState = "answered"
	CallEnded    CallState = "ended" // after it was answered
)

// Thread is how a message hangs together with others on its channel.
type Thread struct {
	// ID is the vendor's id of the thread or chat, where there is one; for e-mail
	// Outlook's index, which grows with each answer.
	ID string `json:"id,omitempty"`
	// ReplyTo is the external id of the message that this one answers.
	ReplyTo string `json:"reply_to,omitempty"`
	// References are the external ids of its ancestors, oldest first.
	References []string `json:"references,omitempty"`
	// To and Cc: inbound, whom an answer goes to; outbound, whom this message
	// goes to. Empty on channels where only Message.Address takes part.
	To []Address `json:"to,omitempty"`
	Cc []Address `json:"cc,omitempty"`

	// Key continues a conversation: a message joins the latest conversation of
	// the same account, customer's address and Key while that is open, and
	// opens one otherwise. A channel whose threads are explicit (e-mail) sets
	// Separate instead.
	Key string `json:"-"`
	// Shared: Key names a thread in which several people may write, and no
	// other thread of the account. What our own people write there, without
	// naming a customer, finds the conversation by Key alone.
	Shared bool `json:"-"`
	// OtherKeys are further names of the thread, tried after Key and kept with
	// it.
	OtherKeys []string `json:"-"`
	// Separate: a message that answers none of ours opens a conversation of
	// its own. Its keys, where it has any, let later messages find that one.
	Separate bool `json:"-"`
	// Guarded: strangers can learn the external ids of this channel. A message
	// that names an inbound one joins its conversation only if its sender takes
	// part there: wrote or received what it names, or is the customer.
	Guarded bool `json:"-"`
	// Quiet: the message tells of something that nobody has to answer, such as
	// a subscription. It joins the latest conversation of its thread as that
	// is, and otherwise one that is closed from the start: no event tells of
	// its opening and closing, only the message's own names it.
	Quiet bool `json:"-"`
	// Conversation is set by a channel that found an authentic token of ours.
	// It outweighs ReplyTo and References, which outweigh Key.
	Conversation ID `json:"-"`
}

// ReplyWindow is how long, and how often, the vendor lets us answer.
type ReplyWindow struct {
	Until     time.Time `json:"until"`
	Remaining int       `json:"remaining"` // answers left; -1 is no limit
	// PerThread: the vendor counts for each Thread.ID by itself. Otherwise one
	// window counts for all that the account writes to the address.
	PerThread bool `json:"-"`
}

// Reaction is an emoji that somebody put on a message.
type Reaction struct {
	// Target is the external id of the message reacted to.
	Target  string    `json:"target,omitempty"`
	From    Address   `json:"from"`
	Emoji   string    `json:"emoji"`
	Removed bool      `json:"removed,omitempty"`
	At      time.Time `json:"at"`
}

// Edit replaces what a message says.
type Edit struct {
	Target string // the external id of the message
	Text   string
	HTML   string
	At     time.Time
}

// Supplement completes a part of a message that came before: the recording of
// a call, its transcript, how the call ended.
type Supplement struct {
	Target string // the external id of the message
	// Part names, by its Kind, the part of the target that it completes: what
	// is set here takes the place of what was there. Where the target has no
	// part of that kind, it gets this one.
	Part Part
	At   time.Time
}

// Delete takes a message back.
type Delete struct {
	Target string // the external id of the message
	At     time.Time
}

// Ignored is an input that is understood and of no concern to a timeline.
type Ignored struct {
	Reason string // a short fixed name, such as "own_presence"; it is counted
}

// Item is what an input turned out to be: a *Message, *Edit, *Supplement,
// *Delete, *Reaction, Receipts or *Ignored. What names a message that is not
// known yet waits for it: vendors' calls overtake each other.
type Item interface{ item() }

// Receipts are the reports that one input carried.
type Receipts []Receipt

func (*Message) item()    {}
func (*Edit) item()       {}
func (*Supplement) item() {}
func (*Delete) item()     {}
func (*Reaction) item()   {}
func (Receipts) item()    {}
func (*Ignored) item()    {}
