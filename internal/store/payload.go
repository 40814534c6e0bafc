package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline/pack"
)

// Flags of a message: what must be known without reading its payload.
const (
	flagOutbound   = 1 << iota // written by an agent
	flagOurs                   // and sent by us, not seen in the vendor's app
	flagNote                   // for agents only
	flagUnreadable             // a stub for an input that was not understood
	flagErased                 // its customer was erased
	flagEcho                   // was taken for another one's, until it turned out to be ours: not on the timeline
)

// payload is what a message's row holds as JSON: what no statement looks for.
// It is a format of its own, so that the public one can change.
type payload struct {
	ReceivedAt     time.Time                 `json:"received_at"`
	Thread         normalize.Thread          `json:"thread,omitzero"`
	ThreadKey      string                    `json:"thread_key,omitempty"`
	Separate       bool                      `json:"separate,omitempty"`
	Subject        string                    `json:"subject,omitempty"`
	Text           string                    `json:"text,omitempty"`
	FullText       string                    `json:"full_text,omitempty"` // where it is not Text
	HTML           string                    `json:"html,omitempty"`
	Parts          []storedPart              `json:"parts,omitempty"`
	Automated      bool                      `json:"automated,omitempty"`
	Authentication *normalize.Authentication `json:"authentication,omitempty"`
	Author         *normalize.Author         `json:"author,omitempty"`
	Unreadable     string                    `json:"unreadable,omitempty"`
	EditedAt       time.Time                 `json:"edited_at,omitzero"`
	DeletedAt      time.Time                 `json:"deleted_at,omitzero"`
	Reactions      []normalize.Reaction      `json:"reactions,omitempty"`
	// Earlier are the wordings before edits, oldest first.
	Earlier []wording `json:"earlier,omitempty"`
}

// storedPart has a status of its own only where its medium comes later.
type storedPart struct {
	normalize.Part
	SHA256 string `json:"sha256,omitempty"`
	Ref    string `json:"ref,omitempty"` // of a medium that comes later
	// Since is when each field that a supplement set was set, by its time.
	Since map[string]time.Time `json:"since,omitempty"`
	// SameText: the part's text is the message's, and stands there alone.
	SameText bool `json:"same_text,omitempty"`
}

type wording struct {
	Text string    `json:"text"`
	HTML string    `json:"html,omitempty"`
	At   time.Time `json:"at"`
}

// newPayload takes from a message what goes into its payload. Texts are made
// storable on the way.
func newPayload(m *normalize.Message) *payload {
	p := &payload{
		ReceivedAt: m.ReceivedAt, Thread: cleanThread(m.Thread), ThreadKey: clean(m.Thread.Key), Separate: m.Thread.Separate,
		Subject: clean(m.Subject), Text: clean(m.Text), FullText: clean(m.FullText), HTML: clean(m.HTML),
		Automated: m.Automated, Authentication: m.Authentication, Author: m.Author, Unreadable: clean(m.Unreadable),
		EditedAt: m.EditedAt, DeletedAt: m.DeletedAt, Reactions: m.Reactions,
	}
	if p.FullText == p.Text {
		p.FullText = ""
	}
	p.Parts = make([]storedPart, len(m.Parts))
	for i, part := range m.Parts {
		p.Parts[i] = storePart(part, p.ReceivedAt)
	}
	return p
}

// storePart takes what is kept of a part.
func storePart(part normalize.Part, at time.Time) storedPart {
	sp := storedPart{Part: part}
	sp.Text, sp.HTML, sp.Event = clean(part.Text), clean(part.HTML), clean(part.Event)
	sp.Status, sp.StatusAt, sp.Error = "", time.Time{}, ""
	if part.Media != nil {
		m := *part.Media
		m.URL, m.Data = "", nil
		m.Name, m.ContentType = clean(m.Name), clean(m.ContentType)
		sp.Media, sp.SHA256, sp.Ref = &m, m.SHA256, clean(m.Ref)
		if sp.Ref != "" && sp.SHA256 == "" {
			sp.Status, sp.StatusAt = normalize.StatusPending, at
		}
	}
	return sp
}

// part is what storePart took.
func (sp storedPart) part() normalize.Part {
	p := sp.Part
	if sp.Media != nil {
		media := *sp.Media
		media.SHA256, media.Ref = sp.SHA256, sp.Ref
		p.Media = &media
	}
	return p
}

func cleanThread(t normalize.Thread) normalize.Thread {
	t.ID, t.ReplyTo = clean(t.ID), clean(t.ReplyTo)
	t.References = slices.Clone(t.References)
	for i, r := range t.References {
		t.References[i] = clean(r)
	}
	return t
}

// fill gives a message what its payload holds.
func (p *payload) fill(m *normalize.Message) {
	m.ReceivedAt, m.Thread, m.Subject = p.ReceivedAt, p.Thread, p.Subject
	m.Thread.Key, m.Thread.Separate = p.ThreadKey, p.Separate
	m.Text, m.FullText, m.HTML = p.Text, p.FullText, p.HTML
	if m.FullText == "" {
		m.FullText = p.Text
	}
	m.Automated, m.Author, m.Unreadable = p.Automated, p.Author, p.Unreadable
	m.Authentication = p.Authentication
	m.EditedAt, m.DeletedAt, m.Reactions = p.EditedAt, p.DeletedAt, p.Reactions
	m.Parts = make([]normalize.Part, len(p.Parts))
	for i, sp := range p.Parts {
		m.Parts[i] = sp.part()
	}
}

// withdraw takes away what was said.
func (p *payload) withdraw() {
	*p = payload{
		ReceivedAt: p.ReceivedAt, Thread: normalize.Thread{ID: p.Thread.ID}, ThreadKey: p.ThreadKey,
		Separate: p.Separate, Automated: p.Automated, Authentication: p.Authentication, DeletedAt: p.DeletedAt, EditedAt: p.EditedAt,
	}
}

// files returns the media that the payload refers to.
func (p *payload) files() (list []storedMedia) {
	for _, part := range p.Parts {
		if part.Media != nil {
			list = append(list, storedMedia{part.Media.ID, part.SHA256})
		}
	}
	return list
}

type storedMedia struct {
	id     normalize.ID
	digest string
}

// packFrom is the size from which a payload is compressed where that makes it
// smaller.
const packFrom = 512

// buffers are for what is compressed right away.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// recycle keeps a buffer, unless one long message made it large.
func recycle(b *bytes.Buffer) {
	if b.Cap() <= 64<<10 {
		b.Reset()
		buffers.Put(b)
	}
}

func (p *payload) encode() ([]byte, error) {
	plain, ok := buffers.Get().(*bytes.Buffer)
	if !ok {
		panic("store: the pool of buffers holds something else")
	}
	defer recycle(plain)
	if err := p.withoutRepeats().writeJSON(plain); err != nil {
		return nil, err
	}
	b := plain.Bytes()
	if len(b) <= packFrom {
		return bytes.Clone(b), nil
	}
	// The first byte is the format; JSON begins with {.
	out, format := pack.Append(make([]byte, 1), b)
	if format == pack.Plain {
		return bytes.Clone(b), nil
	}
	out[0] = byte(format)
	return out, nil
}

// withoutRepeats returns the form to be kept.
func (p *payload) withoutRepeats() *payload {
	kept := *p
	kept.Parts = slices.Clone(p.Parts)
	for i := range kept.Parts {
		if part := &kept.Parts[i]; part.Text != "" && part.Text == p.Text {
			part.Text, part.SameText = "", true
		}
	}
	return &kept
}

func decodePayload(b []byte) (*payload, error) {
	var p payload
	if len(b) > 0 && b[0] != '{' {
		var err error
		if b, err = pack.Unpack(b[1:], pack.Format(b[0])); err != nil {
			return nil, fmt.Errorf("unpack a message: %w", err)
		}
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("decode a message: %w", err)
	}
	for i := range p.Parts {
		if part := &p.Parts[i]; part.SameText {
			part.Text, part.SameText = p.Text, false
		}
	}
	return &p, nil
}
