package store

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// batch is what neighbouring ingests know and change. Everything is
// loaded before anything depends on it, with few statements; from then on the
// entries are applied in order, each seeing what those before it did.
type batch struct {
	db *DB
	t  tx

	addresses     map[addressName]*addressRow
	keys          map[nameKey]*keyRow // those that were looked up; nil for absent
	messages      map[normalize.ID]*messageRow
	conversations map[normalize.ID]*conversationRow
	uncertain     map[normalize.ID]bool    // our messages with parts of unknown fate
	threads       map[nameKey]normalize.ID // conversations that are new under a Thread.Key
	cursors       map[cursorOf]string
	evident       []evident // new addresses that others' evidence names
}

type cursorOf struct {
	account int64
	name    string
}

type addressName struct{ kind, value string }

type addressRow struct {
	id          normalize.ID
	customer    normalize.ID
	name        string
	unreachable string // why, or empty
	optedOut    bool
	consentAt   time.Time
	profiledAt  time.Time // when the vendor was asked who it is
}

// messageRow is a message without its payload.
type messageRow struct {
	id, conversation, owner, address, ledger normalize.ID
	account                                  int64
	flags                                    int64
}

func (m *messageRow) is(flag int64) bool { return m.flags&flag != 0 }

type conversationRow struct {
	id          normalize.ID
	account     int64
	address     normalize.ID
	subject     string
	state       normalize.ConversationState
	closedAt    time.Time
	activeAt    time.Time
	lastInbound normalize.ID
	erasedAt    time.Time
	// windowThread is the vendor's thread whose reply window counts here; empty
	// where that is one for the address.
	windowThread string

	dirty bool
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func newBatch(db *DB, t tx) *batch {
	return &batch{
		db: db, t: t, addresses: map[addressName]*addressRow{}, keys: map[nameKey]*keyRow{},
		messages: map[normalize.ID]*messageRow{}, conversations: map[normalize.ID]*conversationRow{},
		uncertain: map[normalize.ID]bool{}, threads: map[nameKey]normalize.ID{}, cursors: map[cursorOf]string{},
	}
}

// load reads what the entries refer to, and locks what they may change: first
// the addresses, which keeps two nodes from opening two conversations for one
// customer, then the conversations. The rest, which is rare, is read when it
// comes up.
func (b *batch) load(live []*ingest) error {
	if err := b.loadNames(live); err != nil {
		return err
	}
	if err := b.loadAddresses(live); err != nil {
		return err
	}
	if err := b.loadThreads(live); err != nil {
		return err
	}
	if err := b.loadMessages(); err != nil {
		return err
	}
	return b.loadConversations(live)
}

// loadNames looks for what is here already, and for what is answered.
func (b *batch) loadNames(live []*ingest) error {
	var list []nameKey
	for _, in := range live {
		for _, e := range in.entries {
			list = append(list, e.ext, e.extFP)
			if e.message != nil || e.Outcome == normalize.Quarantined {
				list = append(list, e.input)
			}
			list = append(list, e.answers...)
		}
	}
	return b.loadKeys(list)
}

// loadThreads looks for the conversations that are continued by Thread.Key.
func (b *batch) loadThreads(live []*ingest) error {
	var list []nameKey
	for _, in := range live {
		for _, e := range in.entries {
			list = append(list, b.threadNames(in, e)...)
		}
	}
	return b.loadKeys(list)
}

// threadNames returns the keys of the conversations that a message continues by
// Thread.Key, where it may and its address is known yet.
func (b *batch) threadNames(in *ingest, e *entry) (list []nameKey) {
	if e.message == nil {
		return nil
	}
	if e.message.Thread.Shared {
		list = append(list, b.sharedKey(in, e))
	}
	if a := b.addresses[nameOf(e.message.Address)]; a != nil && !e.message.Thread.Separate {
		list = append(list, b.db.conversationKey(in.Account, a.id, e.message.Thread.Key))
	}
	return list
}

func (b *batch) loadKeys(list []nameKey) error {
	var asked [][]any
	var which []nameKey
	for _, k := range list {
		if _, known := b.keys[k]; !known && k != (nameKey{}) {
			b.keys[k] = nil
			which, asked = append(which, k), append(asked, args(k[:]))
		}
	}
	return b.t.find(findKeys, asked, func(i int, r row) error {
		var k keyRow
		err := r.scan(&k.ref, &k.mark)
		b.keys[which[i]] = &k
		return err
	})
}

// known reports whether a message of this name or these bytes is here, so that
// it is most likely a repeat and must not bring its address back to life.
func (b *batch) known(e *entry) bool {
	return b.keys[e.ext] != nil && !b.keys[e.ext].waits() || b.keys[e.input] != nil
}

func nameOf(a normalize.Address) addressName { return addressName{a.Kind, a.Value} }

// loadAddresses finds the authors, and makes those that are new.
func (b *batch) loadAddresses(live []*ingest) error {
	called := map[addressName]string{}
	now := map[addressName]time.Time{}
	for _, in := range live {
		for _, e := range in.entries {
			if e.message == nil || e.message.Address.IsZero() || b.known(e) {
				continue
			}
			n := nameOf(e.message.Address)
			if _, seen := called[n]; !seen {
				called[n], now[n] = e.message.Address.Name, in.Now
			}
		}
	}
	return b.ensureAddresses(called, now)
}

// ensureAddresses finds, makes and locks addresses; each gets a customer of
// its own at first contact.
func (b *batch) ensureAddresses(called map[addressName]string, now map[addressName]time.Time) error {
	names := slices.SortedFunc(maps.Keys(called), func(a, b addressName) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.value, b.value))
	})
	if err := b.readAddresses(names); err != nil {
		return err
	}
	var missing []addressName
	made := map[addressName]addressRow{}
	for _, n := range names {
		if b.addresses[n] != nil {
			continue
		}
		a := addressRow{id: normalize.NewID(now[n]), customer: normalize.NewID(now[n]), name: called[n]}
		b.t.insert(putAddress, a.id, n.kind, n.value, a.name, a.customer, "first contact", "", now[n])
		missing, made[n] = append(missing, n), a
	}
	if err := b.readAddresses(missing); err != nil {
		return err
	}
	for _, n := range missing {
		if a := b.addresses[n]; a == nil {
			return conflict{errMoved} // erased by another node in this moment
		} else if a.id == made[n].id {
			b.t.insert(putCustomer, a.customer, a.name)
		}
	}
	if err := b.findEvident(missing); err != nil {
		return err
	}
	return b.holdAddresses(names)
}

func (b *batch) readAddresses(names []addressName) error {
	asked := make([][]any, len(names))
	for i, n := range names {
		asked[i] = args(n.kind, n.value)
	}
	return b.t.find(findAddresses, asked, func(i int, r row) error {
		var a addressRow
		err := r.scan(&a.id, &a.customer, &a.name, &a.unreachable, &a.optedOut, &a.consentAt, &a.profiledAt)
		b.addresses[names[i]] = &a
		return err
	})
}

// holdAddresses locks what was found, in the order of ids, and makes sure that
// it is still what it was.
func (b *batch) holdAddresses(names []addressName) error {
	if b.db.eng.dialect().words["LOCK"] == "" {
		return nil
	}
	byID := map[normalize.ID]addressName{}
	for _, n := range names {
		byID[b.addresses[n].id] = n
	}
	ids := sortedKeys(byID)
	held := 0
	err := b.t.find(lockAddresses, eachID(ids), func(i int, r row) error {
		var n addressName
		a := b.addresses[byID[ids[i]]]
		if err := r.scan(&n.kind, &n.value, &a.customer, &a.name); err != nil {
			return err
		}
		if n == byID[ids[i]] {
			held++
		}
		return nil
	})
	if err == nil && held != len(ids) {
		return conflict{errMoved}
	}
	return err
}

const messageColumns = `id, conversation_id, owner_id, address_id, ledger_id, account_id, flags`

func scanMessageRow(r row) (*messageRow, error) {
	var m messageRow
	return &m, r.scan(&m.id, &m.conversation, &m.owner, &m.address, &m.ledger, &m.account, &m.flags)
}

// loadMessages loads those that keys refer to. Some keys refer to other
// things, whose ids are no message's.
func (b *batch) loadMessages() error {
	refs := map[normalize.ID]bool{}
	for _, k := range b.keys {
		if k != nil && !k.waits() {
			refs[k.ref] = true
		}
	}
	if err := b.readMessages(sortedKeys(refs)); err != nil {
		return err
	}
	var asked [][]any
	for _, m := range b.messages {
		if m.is(flagOurs) && !m.is(flagNote) {
			asked = append(asked, args(m.id, normalize.StatusUncertain))
		}
	}
	return b.t.find(findDoubts, asked, func(_ int, r row) error {
		var id normalize.ID
		err := r.scan(&id)
		b.uncertain[id] = true
		return err
	})
}

func (b *batch) readMessages(ids []normalize.ID) error {
	return b.t.find(findMessages, eachID(ids), func(i int, r row) error {
		m, err := scanMessageRow(r)
		b.messages[ids[i]] = m
		return err
	})
}

func eachID(ids []normalize.ID) [][]any {
	asked := make([][]any, len(ids))
	for i, id := range ids {
		asked[i] = args(id)
	}
	return asked
}

const conversationColumns = `id, account_id, address_id, subject, state, closed_at, active_at, last_inbound, erased_at, window_thread`

func scanConversationRow(r row) (*conversationRow, error) {
	var c conversationRow
	return &c, r.scan(&c.id, &c.account, &c.address, &c.subject, &c.state, &c.closedAt, &c.activeAt, &c.lastInbound, &c.erasedAt, &c.windowThread)
}

func (b *batch) loadConversations(live []*ingest) error {
	wanted := map[normalize.ID]bool{}
	for _, m := range b.messages {
		wanted[m.conversation] = true
	}
	for _, in := range live {
		for _, e := range in.entries {
			if e.message != nil && e.message.Thread.Conversation != 0 {
				wanted[e.message.Thread.Conversation] = true
			}
			for _, k := range b.threadNames(in, e) {
				if b.keys[k] != nil {
					wanted[b.keys[k].ref] = true
				}
			}
		}
	}
	return b.readConversations(sortedKeys(wanted))
}

func (b *batch) readConversations(ids []normalize.ID) error {
	return b.t.find(lockThreads, eachID(ids), func(i int, r row) error {
		c, err := scanConversationRow(r)
		b.conversations[ids[i]] = c
		return err
	})
}

// address returns the row of an author, made if need be.
func (b *batch) address(a normalize.Address, now time.Time) (*addressRow, error) {
	n := nameOf(a)
	if b.addresses[n] == nil {
		if err := b.ensureAddresses(map[addressName]string{n: a.Name}, map[addressName]time.Time{n: now}); err != nil {
			return nil, err
		}
	}
	return b.addresses[n], nil
}

// key returns what has a name; nil where nothing has, though something may
// wait for it.
func (b *batch) key(k nameKey) (*keyRow, error) {
	if k == (nameKey{}) {
		return nil, nil
	}
	if err := b.loadKeys([]nameKey{k}); err != nil {
		return nil, err
	}
	if b.keys[k].waits() {
		return nil, nil
	}
	return b.keys[k], nil
}

func (b *batch) message(id normalize.ID) (*messageRow, error) {
	if b.messages[id] == nil && id != 0 {
		if err := b.readMessages([]normalize.ID{id}); err != nil {
			return nil, err
		}
	}
	return b.messages[id], nil
}

func (b *batch) conversation(id normalize.ID) (*conversationRow, error) {
	if b.conversations[id] == nil && id != 0 {
		if err := b.readConversations([]normalize.ID{id}); err != nil {
			return nil, err
		}
	}
	return b.conversations[id], nil
}
