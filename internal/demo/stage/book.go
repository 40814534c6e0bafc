package stage

import (
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Place is an address of a customer's, as the daemon writes it.
type Place struct{ Kind, Value string }

// File is a picture or another file in a chat.
type File struct {
	Name, ContentType string
	Content           []byte
}

// Entry is one message in a chat, or one call.
type Entry struct {
	Mine          bool // written by the owner of the phone
	Subject, Text string
	Files         []File
	Call          bool     // Text is what the caller said to the answering machine
	Heard         []string // what the caller heard
}

// bounds of what is kept of a chat, and in all of files and of notices.
const (
	maxEntries = 300
	maxFiles   = 100
	maxNotices = 50
)

// Book holds the phones of all customers, and what was written on them. It may
// be used by several at once.
type Book struct {
	mu      sync.Mutex
	owners  []*owner // the first is the visitor's customer
	chats   map[Place]*chat
	serial  int64    // of the last change
	notices []notice // the last arrivals, oldest first
	files   []kept
	changed chan struct{} // closed and renewed by a change
}

type owner struct {
	id, name string
	chats    []*chat
}

type chat struct {
	place    Place
	owner    *owner
	entries  []*entry
	unread   int
	activeAt time.Time
}

// entry is an Entry in the book.
type entry struct {
	Entry
	id     int64
	at     time.Time
	edited bool
	state  string // of what the owner wrote: "sending", "taken" or "refused"
	why    string // it was refused
	words  string // the first ones
	files  []int64
}

// notice tells that something has arrived.
type notice struct {
	serial    int64
	owner     *owner
	app, text string
}

type kept struct {
	id int64
	File
}

// NewBook returns a book without phones.
func NewBook() *Book { return &Book{chats: map[Place]*chat{}, changed: make(chan struct{})} }

// Add gives somebody's phone a line. The first who gets one is the customer
// whom the visitor plays.
func (b *Book) Add(id, name string, at Place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.owners, func(o *owner) bool { return o.id == id })
	if i < 0 {
		i = len(b.owners)
		b.owners = append(b.owners, &owner{id: id, name: name})
	}
	c := &chat{place: at, owner: b.owners[i]}
	c.owner.chats = append(c.owner.chats, c)
	b.chats[at] = c
}

// Write notes what the owner of an address writes, as being sent. The function
// that is returned tells how that went.
func (b *Book) Write(at Place, e Entry) (done func(error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.chats[at]
	if c == nil {
		return func(error) {}
	}
	e.Mine = true
	written := b.note(c, e)
	written.state = "sending"
	return func(err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if written.state = "taken"; err != nil {
			written.state, written.why = "refused", err.Error()
		}
		b.touch()
	}
}

// Recall puts back what was written or has arrived at a time in the past.
func (b *Book) Recall(at Place, e Entry, when time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.chats[at]; c != nil {
		n := b.note(c, e)
		n.at, c.activeAt = when, when
		if e.Mine {
			n.state = "taken"
		}
	}
}

// Heard adds to the last call from an address what the caller has heard.
func (b *Book) Heard(at Place, words []string) {
	b.last(at, func(e *entry) bool { return e.Call }, func(e *entry) { e.Heard = words })
}

// Edit changes the words of what was written last from an address.
func (b *Book) Edit(at Place, text string) {
	b.last(at, func(e *entry) bool { return e.Mine }, func(e *entry) { e.Text, e.edited, e.words = text, true, firstWords(Entry{Text: text}) })
}

func (b *Book) last(at Place, is func(*entry) bool, change func(*entry)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.chats[at]
	if c == nil {
		return
	}
	for _, e := range slices.Backward(c.entries) {
		if is(e) {
			change(e)
			b.touch()
			return
		}
	}
}

// Arrive puts what has reached an address on its owner's phone.
func (b *Book) Arrive(at Place, e Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.chats[at]
	if c == nil {
		return
	}
	e.Mine = false
	words := b.note(c, e).words
	c.unread++
	b.notices = append(b.notices, notice{b.serial, c.owner, appOf(at.Kind).id, words})
	b.notices = b.notices[max(0, len(b.notices)-maxNotices):]
}

// note adds an entry to a chat; the lock is held.
func (b *Book) note(c *chat, e Entry) *entry {
	b.touch()
	e.Text, e.Subject = printable(e.Text), printable(e.Subject)
	n := &entry{Entry: e, id: b.serial, at: time.Now(), words: firstWords(e)}
	for _, f := range e.Files {
		b.serial++
		b.files = append(b.files, kept{b.serial, f})
		n.files = append(n.files, b.serial)
	}
	b.files = b.files[max(0, len(b.files)-maxFiles):]
	n.Entry.Files = nil
	c.entries = append(c.entries, n)
	c.entries = c.entries[max(0, len(c.entries)-maxEntries):]
	c.activeAt = n.at
	return n
}

// touch tells the pages of a change; the lock is held.
func (b *Book) touch() {
	b.serial++
	close(b.changed)
	b.changed = make(chan struct{})
}

// file returns a file of a chat.
func (b *Book) file(id int64) (File, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.files, func(k kept) bool { return k.id == id })
	if i < 0 {
		return File{}, false
	}
	return b.files[i].File, true
}

// printable is text without what steers a screen.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return -1
		}
		return r
	}, s)
}

// firstWords are those of a notice.
func firstWords(e Entry) string {
	words := strings.Join(strings.Fields(e.Text), " ")
	if words == "" && len(e.Files) > 0 {
		words = e.Files[0].Name
	}
	if r := []rune(words); len(r) > 90 {
		words = string(r[:89]) + "…"
	}
	return words
}
