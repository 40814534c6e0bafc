package store

import (
	"encoding/hex"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// apply does what an entry asks for and writes its row in the ledger.
func (b *batch) apply(in *ingest, e *entry) (timeline.Result, error) {
	if e.Replay != 0 {
		return b.replay(in, e)
	}
	ledger := normalize.NewID(in.Now)
	e.ledger = ledger
	r, err := b.dispatch(in, e, ledger)
	if err != nil {
		return r, err
	}
	r.Ledger = ledger
	if m := b.messages[r.Message]; m != nil && m.is(flagErased) {
		b.forgetful(in, e, &r)
		return r, nil
	}
	b.t.insert(putLedger, ledger, in.account.ID, clean(e.Input.Key), e.Input.ReceivedAt, r.Outcome, r.Reason, r.Message, e.Input.Size)
	if e.Input.Encoding != timeline.RawGone {
		b.t.insert(putRaw, ledger, clean(e.Input.ContentType), e.meta, e.Input.Encoding, e.Input.Digest[:], e.Input.Data)
		for _, f := range e.Input.Files {
			b.t.insert(putRawFile, ledger, f[:])
		}
	}
	return r, nil
}

// forgetful writes down that an input repeats what was erased, and nothing of
// what it says.
func (b *batch) forgetful(in *ingest, e *entry, r *timeline.Result) {
	r.Reason = "erased"
	b.t.insert(putLedger, r.Ledger, in.account.ID, "", e.Input.ReceivedAt, r.Outcome, r.Reason, r.Message, e.Input.Size)
	if e.Input.Encoding == timeline.RawFile {
		orphan(b.t, digestName(e.Input.Digest[:]), in.Now)
	}
	for _, f := range e.Input.Files {
		orphan(b.t, digestName(f[:]), in.Now)
	}
	if e.payload != nil {
		for _, f := range e.payload.files() {
			orphan(b.t, f.digest, in.Now)
		}
	}
}

// dispatch does what an entry asks for.
func (b *batch) dispatch(in *ingest, e *entry, ledger normalize.ID) (timeline.Result, error) {
	if e.Outcome == normalize.Quarantined {
		return b.quarantine(in, e, ledger)
	}
	if e.Outcome == normalize.Disregarded {
		return timeline.Result{Outcome: e.Outcome, Reason: e.Reason}, nil
	}
	switch it := e.Item.(type) {
	case *normalize.Edit:
		return b.edit(in, e, it)
	case *normalize.Delete:
		return b.withdraw(in, e, it)
	case *normalize.Reaction:
		return b.react(in, e, it)
	case *normalize.Supplement:
		return b.supplement(in, e, it)
	case normalize.Receipts:
		return b.receipts(in, e, it)
	}
	repeat, key, err := b.repeated(e, 0)
	if err != nil {
		return timeline.Result{}, err
	}
	if repeat != nil {
		return repeatOf(repeat), nil
	}
	if old, err := b.stubOf(e); err != nil {
		return timeline.Result{}, err
	} else if old != nil {
		return b.understand(in, e, old)
	}
	m, err := b.place(in, e, ledger, key)
	switch {
	case err != nil:
		return timeline.Result{}, err
	case m == nil:
		return disregarded("no_conversation"), nil
	}
	return timeline.Result{Outcome: normalize.Accepted, Message: m.id}, nil
}

// repeated returns the message that an entry repeats, or the key under which
// it is to be known. self is a message that does not count.
func (b *batch) repeated(e *entry, self normalize.ID) (*messageRow, nameKey, error) {
	if e.ext == (nameKey{}) {
		k, err := b.key(e.input)
		if err != nil || k == nil {
			return nil, nameKey{}, err
		}
		m, err := b.messageOfInput(k)
		if m != nil && (m.id == self || m.is(flagUnreadable)) {
			m = nil
		}
		return m, nameKey{}, err
	}
	k, err := b.key(e.ext)
	if err != nil || k == nil || k.ref == self {
		return nil, e.ext, err
	}
	m, err := b.message(k.ref)
	if err != nil || m == nil {
		return nil, e.ext, err
	}
	echo := m.is(flagOurs) && e.message.Direction == normalize.Outbound
	if k.mark == e.mark || e.extFP == (nameKey{}) || echo {
		return m, nameKey{}, nil
	}
	// A broken program gave two messages one id; the second one is known by
	// what it holds as well.
	if k, err = b.key(e.extFP); err != nil || k == nil || k.ref == self {
		return nil, e.extFP, err
	}
	m, err = b.message(k.ref)
	return m, e.extFP, err
}

func repeatOf(m *messageRow) timeline.Result {
	if m.is(flagOurs) {
		return timeline.Result{Outcome: normalize.Echo, Message: m.id}
	}
	return timeline.Result{Outcome: normalize.Duplicate, Message: m.id}
}

// messageOfInput returns the message that the ledger entry behind a key made.
func (b *batch) messageOfInput(k *keyRow) (*messageRow, error) {
	var id normalize.ID
	if _, err := one(b.t, `SELECT message_id FROM ledger WHERE id = $1`, args(k.ref), &id); err != nil {
		return nil, err
	}
	return b.message(id)
}

// place writes a new message into its conversation.
func (b *batch) place(in *ingest, e *entry, ledger normalize.ID, key nameKey) (*messageRow, error) {
	a, c, err := b.partner(in, e)
	if err != nil || c == nil {
		return nil, err
	}
	m := &messageRow{
		id: normalize.NewID(in.Now), conversation: c.id, owner: c.address, address: a.id, ledger: ledger,
		account: in.account.ID, flags: flagsOf(e.message),
	}
	insertMessage(b.t, m, e.message.SentAt, e.message.ExternalID, e.encoded)
	insertMedia(b.t, m.id, e.payload)
	queueFetches(b.t, m, e.payload.Parts, in.Now)
	b.messages[m.id] = m
	awaited := false
	if key != (nameKey{}) && !m.is(flagUnreadable) {
		awaited = b.remember(key, keyRow{m.id, e.mark})
	} else if b.keys[e.input] == nil {
		b.remember(e.input, keyRow{ref: ledger})
	}
	b.touch(c, m, e.message, in.Now)
	typ := normalize.MessageReceived
	if m.is(flagOutbound) {
		typ = normalize.MessageSent
	}
	b.t.emit(event{typ: typ, conversation: c.id, ref: m.id, at: in.Now})
	b.consent(a, e.message, c.id, in.Now)
	if awaited {
		if err := b.catchUp(in, key); err != nil {
			return nil, err
		}
	}
	return m, b.provesDelivery(in, e)
}

// partner returns whom a message is from or for, and the conversation that it
// belongs to. A message of our own people that names no customer belongs to
// the conversation that it answers, else to that of its thread; where that is
// none, to nobody.
func (b *batch) partner(in *ingest, e *entry) (*addressRow, *conversationRow, error) {
	if e.message.Address.IsZero() {
		a := &addressRow{}
		c, err := b.answered(in, e, a)
		if err == nil && c == nil {
			c, err = b.spokenIn(in, e)
		}
		if c != nil {
			a.id = c.address
			b.reopen(c, in.Now)
		}
		return a, c, err
	}
	a, err := b.address(e.message.Address, in.Now)
	if err != nil {
		return nil, nil, err
	}
	b.rename(a, e.message)
	b.reachable(a, e.message)
	b.askWho(in, a, e.message)
	c, err := b.conversationFor(in, e, a)
	return a, c, err
}

// remember writes a key that nothing has, and reports whether something waits
// for it: see catchUp.
func (b *batch) remember(k nameKey, r keyRow) (awaited bool) {
	if awaited = b.keys[k].waits(); awaited {
		setKey(b.t, k, r)
	} else {
		addKey(b.t, k, r)
	}
	b.keys[k] = &r
	return awaited
}

func flagsOf(m *normalize.Message) (f int64) {
	if m.Direction == normalize.Outbound {
		f |= flagOutbound
	}
	if m.Unreadable != "" {
		f |= flagUnreadable
	}
	if m.Note {
		f |= flagNote
	}
	return f
}

func insertMessage(t tx, m *messageRow, sentAt time.Time, externalID string, encoded []byte) {
	t.insert(putMessage, m.id, m.conversation, m.owner, m.address, m.account, m.ledger, m.flags, sentAt, externalID, encoded)
}

// insertMedia writes the rows of the files that a message came with.
func insertMedia(t tx, message normalize.ID, p *payload) {
	for _, part := range p.Parts {
		if f := part.Media; f != nil && (part.SHA256 != "" || part.Ref != "") {
			t.exec(`INSERT INTO media (id, digest, name, content_type, size, message_id) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (id) DO NOTHING`, f.ID, part.SHA256, f.Name, f.ContentType, f.Size, message)
		}
	}
}

// rename follows what a customer calls themself. The customer takes the name
// of an address while having none.
func (b *batch) rename(a *addressRow, m *normalize.Message) {
	name := m.Address.Name
	if name == "" || name == a.name || (m.Direction == normalize.Outbound && a.name != "") {
		return
	}
	a.name = name
	b.t.exec(`UPDATE addresses SET name = $1 WHERE id = $2`, name, a.id)
	b.t.exec(`UPDATE customers SET name = $1 WHERE id = $2 AND name = ''`, name, a.customer)
}

// reachable takes the mark off an address that could not be reached: whoever
// writes can be answered, unless it is a machine that says why not.
func (b *batch) reachable(a *addressRow, m *normalize.Message) {
	if a.unreachable == "" || m.Direction == normalize.Outbound || m.Automated {
		return
	}
	a.unreachable = ""
	b.t.exec(`UPDATE addresses SET unreachable = '' WHERE id = $1`, a.id)
}

// provesDelivery: whoever answers a message has got it.
func (b *batch) provesDelivery(in *ingest, e *entry) error {
	if e.message.Direction == normalize.Outbound || e.message.Automated || e.message.Thread.ReplyTo == "" || len(e.answers) == 0 {
		return nil
	}
	k := b.keys[e.answers[0]]
	if k == nil || !b.uncertain[k.ref] {
		return nil
	}
	delete(b.uncertain, k.ref)
	_, _, err := b.db.applyReceipt(b.t, in.account, normalize.Receipt{
		ExternalID: e.message.Thread.ReplyTo, Status: normalize.StatusDelivered,
		Detail: "the customer answered it", At: in.Now,
	}, in.Now)
	return err
}

// quarantine keeps an input that was not understood, with a stub on the
// timeline where its author is known.
func (b *batch) quarantine(in *ingest, e *entry, ledger normalize.ID) (timeline.Result, error) {
	k, err := b.key(e.input)
	if err != nil {
		return timeline.Result{}, err
	}
	if k != nil {
		r := timeline.Result{Outcome: normalize.Duplicate}
		m, err := b.messageOfInput(k)
		if m != nil {
			r.Message = m.id
		}
		return r, err
	}
	r := timeline.Result{Outcome: normalize.Quarantined, Reason: e.Reason}
	if e.message == nil {
		b.remember(e.input, keyRow{ref: ledger})
		return r, nil
	}
	m, err := b.place(in, e, ledger, nameKey{})
	if err == nil {
		r.Message = m.id
	}
	return r, err
}

// digestName is how a digest is written where a file is meant.
func digestName(d []byte) string { return hex.EncodeToString(d) }

func digestBytes(name string) []byte {
	b, err := hex.DecodeString(name)
	if err != nil {
		return nil // no digest of ours
	}
	return b
}
