package store

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// conversationFor finds the conversation that a message belongs to, or opens
// one. An authentic token of ours comes first, then what the message answers:
// both reopen a conversation that was closed. Then Thread.Key continues one
// that is open and not idle.
func (b *batch) conversationFor(in *ingest, e *entry, a *addressRow) (*conversationRow, error) {
	c, err := b.joined(in, e, a)
	if err != nil || !e.message.Thread.Shared {
		return c, err
	}
	name := b.sharedKey(in, e)
	k, err := b.key(name)
	if err == nil && (k == nil || k.ref != c.id) {
		b.threads[name] = c.id
		b.keys[name] = &keyRow{ref: c.id}
	}
	return c, err
}

// sharedKey is the key under which the conversation that was spoken in last is
// known to those who name no customer: that of nobody's address.
func (b *batch) sharedKey(in *ingest, e *entry) nameKey {
	return b.db.conversationKey(in.Account, 0, e.message.Thread.Key)
}

// spokenIn returns the conversation of the customer who wrote last in a thread
// of several people.
func (b *batch) spokenIn(in *ingest, e *entry) (*conversationRow, error) {
	if !e.message.Thread.Shared {
		return nil, nil
	}
	k, err := b.key(b.sharedKey(in, e))
	if err != nil || k == nil {
		return nil, err
	}
	c, err := b.conversation(k.ref)
	if err != nil || c == nil || !c.erasedAt.IsZero() {
		return nil, err
	}
	return c, nil
}

// joined is conversationFor without what others are to know of it.
func (b *batch) joined(in *ingest, e *entry, a *addressRow) (*conversationRow, error) {
	c, err := b.answered(in, e, a)
	if err != nil {
		return nil, err
	}
	if c != nil {
		if !e.message.Thread.Quiet {
			b.reopen(c, in.Now)
		}
		return c, nil
	}
	keys := b.threadKeys(in, e, a)
	for _, key := range keys {
		if e.message.Thread.Separate {
			break
		}
		k, err := b.key(key)
		if err != nil {
			return nil, err
		}
		if c, err = b.continued(in, e, k); err != nil || c != nil {
			return c, err
		}
	}
	c = &conversationRow{
		id: normalize.NewID(in.Now), account: in.account.ID, address: a.id, subject: e.payload.Subject,
		state: normalize.Open, activeAt: in.Now, dirty: true,
	}
	if e.message.Thread.Quiet {
		c.state, c.closedAt = normalize.Closed, in.Now
	}
	b.conversations[c.id] = c
	for _, key := range keys {
		b.threads[key] = c.id
		b.keys[key] = &keyRow{ref: c.id}
	}
	if c.state == normalize.Open { // nobody needs to hear of one that never was
		b.t.emit(event{typ: normalize.ConversationOpened, conversation: c.id, ref: c.id, at: in.Now})
	}
	return c, nil
}

// threadKeys returns the keys under which later messages of the same address
// find the conversation. A separate message without keys has none.
func (b *batch) threadKeys(in *ingest, e *entry, a *addressRow) (keys []nameKey) {
	th := &e.message.Thread
	if !th.Separate || th.Key != "" {
		keys = append(keys, b.db.conversationKey(in.Account, a.id, th.Key))
	}
	for _, k := range th.OtherKeys {
		keys = append(keys, b.db.conversationKey(in.Account, a.id, k))
	}
	return keys
}

// answered returns the conversation that a message names or answers.
func (b *batch) answered(in *ingest, e *entry, a *addressRow) (*conversationRow, error) {
	c, err := b.conversation(e.message.Thread.Conversation)
	if err != nil || (c != nil && c.account == in.account.ID && c.erasedAt.IsZero()) {
		return c, err
	}
	for _, name := range e.answers {
		k, err := b.key(name)
		if err != nil {
			return nil, err
		}
		if k == nil {
			continue
		}
		m, err := b.message(k.ref)
		if err != nil {
			return nil, err
		}
		if m == nil || m.is(flagErased) {
			continue
		}
		c, err := b.conversation(m.conversation)
		if err != nil {
			return nil, err
		}
		if c == nil || !c.erasedAt.IsZero() {
			continue
		}
		if ok, err := b.takesPart(e, a, m, c); err != nil || ok {
			return c, err
		}
	}
	return nil, nil
}

// takesPart reports whether the author of a guarded message may join a
// conversation by naming m. The id of an outbound message proves that: we made
// it, and only those who were sent it can know it.
func (b *batch) takesPart(e *entry, a *addressRow, m *messageRow, c *conversationRow) (bool, error) {
	if !e.message.Thread.Guarded || m.is(flagOutbound) || m.address == a.id || c.address == a.id {
		return true, nil
	}
	var customer normalize.ID
	found, err := one(b.t, `SELECT customer_id FROM addresses WHERE id = $1`, args(c.address), &customer)
	if err != nil || found && customer == a.customer {
		return err == nil, err
	}
	p, _, err := readPayload(b.t, m.id)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(slices.Concat(p.Thread.To, p.Thread.Cc), e.message.Address.Is), nil
}

// continued returns the conversation of a thread while it may go on. One that
// has been idle for too long is closed. A quiet message joins it as it is.
func (b *batch) continued(in *ingest, e *entry, k *keyRow) (*conversationRow, error) {
	if k == nil {
		return nil, nil
	}
	c, err := b.conversation(k.ref)
	if e.message.Thread.Quiet && (err != nil || c == nil || c.erasedAt.IsZero()) {
		return c, err
	}
	if err != nil || c == nil || c.state != normalize.Open {
		return nil, err
	}
	if in.IdleTimeout <= 0 || in.Now.Sub(c.activeAt) <= in.IdleTimeout {
		return c, nil
	}
	b.shut(c, in.Now)
	return nil, nil
}

func (b *batch) shut(c *conversationRow, now time.Time) {
	if c.state == normalize.Closed {
		return
	}
	c.state, c.closedAt, c.dirty = normalize.Closed, now, true
	b.t.emit(event{typ: normalize.ConversationClosed, conversation: c.id, ref: c.id, at: now})
}

func (b *batch) reopen(c *conversationRow, now time.Time) {
	if c.state == normalize.Open {
		return
	}
	c.state, c.closedAt, c.dirty = normalize.Open, time.Time{}, true
	b.t.emit(event{typ: normalize.ConversationOpened, conversation: c.id, ref: c.id, at: now})
}

// touch notes what a message means for its conversation.
func (b *batch) touch(c *conversationRow, row *messageRow, m *normalize.Message, now time.Time) {
	c.dirty = true
	if !m.Thread.Quiet {
		c.activeAt = maxTime(c.activeAt, now)
	}
	if row.is(flagOutbound) {
		return
	}
	if !m.Thread.Quiet || c.lastInbound == 0 { // an answer is to what was said, if anything was
		c.lastInbound = max(c.lastInbound, row.id)
	}
	if m.ReplyWindow != nil {
		openWindow(b.t, c, row, m, now)
	}
}

// saveConversations writes what has changed, once for each.
func (b *batch) saveConversations() {
	for _, id := range sortedKeys(b.conversations) {
		if c := b.conversations[id]; c.dirty {
			b.t.insert(putConversation, c.id, c.account, c.address, c.subject, c.state, c.closedAt, c.activeAt, c.lastInbound, c.erasedAt, c.windowThread)
			c.dirty = false
		}
	}
	// In the order of keys, so that two nodes cannot wait for each other.
	for _, k := range slices.SortedFunc(maps.Keys(b.threads), func(x, y nameKey) int { return bytes.Compare(x[:], y[:]) }) {
		b.t.insert(putName, k[:], b.threads[k], 0)
	}
	clear(b.threads)
}
