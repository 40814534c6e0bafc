package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Export implements identity.Store. Messages are oldest first.
func (db *DB) Export(ctx context.Context, customer normalize.ID) (out *identity.Export, err error) {
	err = db.read(ctx, func(s session) error {
		id, err := currentCustomer(s, customer)
		if err != nil {
			return err
		}
		x := &identity.Export{}
		if x.Customer, err = readCustomer(s, id); err != nil {
			return err
		}
		if x.Links, err = links(s, id); err != nil {
			return err
		}
		if x.Merges, err = readMerges(s, `WHERE from_id = $1 OR into_id = $1 ORDER BY id`, id); err != nil {
			return err
		}
		if x.Conversations, err = db.readConversations(s, ` WHERE a.customer_id = $1 ORDER BY c.id`, args(id)); err != nil {
			return err
		}
		ids, err := messagesOf(s, id, 0)
		if err != nil {
			return err
		}
		x.Messages, err = db.readMessages(s, ids)
		out = x
		return err
	})
	return out, err
}

// messagesQuery finds the messages on a customer's timeline and those that the
// customer wrote on somebody else's.
const messagesQuery = `SELECT id FROM messages WHERE owner_id IN (SELECT id FROM addresses WHERE customer_id = $1) AND flags & $2 = 0
	UNION SELECT id FROM messages WHERE address_id <> owner_id AND address_id IN (SELECT id FROM addresses WHERE customer_id = $1) AND flags & $2 = 0
	ORDER BY 1`

// messagesOf returns what messagesQuery finds, less what has one of the flags.
func messagesOf(s session, customer normalize.ID, less int64) (ids []normalize.ID, err error) {
	err = s.query(messagesQuery, args(customer, less), func(r row) error { return scanID(r, &ids) })
	return ids, err
}

// eraseBatch is how many messages one commit erases, so that nobody waits long
// behind it, however much the customer wrote.
const eraseBatch = 500

// Erase implements identity.Store. What the customer wrote goes first, in as
// many commits as that takes; who it was goes with the last.
func (db *DB) Erase(ctx context.Context, customer normalize.ID, now time.Time) ([]string, error) {
	var said []normalize.ID
	err := db.read(ctx, func(s session) error {
		id, err := currentCustomer(s, customer)
		if err != nil {
			return err
		}
		said, err = messagesOf(s, id, flagErased)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for messages := range slices.Chunk(said, eraseBatch) {
		files, err := commit(ctx, db, func(t tx) (map[string]bool, error) {
			id, err := db.eraser(t, customer)
			if err != nil {
				return nil, err
			}
			return eraseMessages(t, id, messages, now)
		})
		if err != nil {
			return nil, err
		}
		maps.Copy(all, files)
	}
	files, err := commit(ctx, db, func(t tx) (map[string]bool, error) { return db.erase(t, customer, now) })
	if err != nil {
		return nil, err
	}
	maps.Copy(all, files)
	var digests []string
	err = db.read(ctx, func(s session) error {
		digests, err = unreferenced(s, sortedKeys(all))
		return err
	})
	return digests, err
}

// eraser locks a customer who is to be erased, or the one into whom they were
// merged.
func (db *DB) eraser(t tx, customer normalize.ID) (normalize.ID, error) {
	db.eng.scrub()
	id, err := currentCustomer(t, customer)
	if err != nil {
		return 0, refuse(err)
	}
	states, err := lockCustomers(t, id)
	if err != nil {
		return 0, err
	}
	if c := states[id]; !c.erasedAt.IsZero() {
		return 0, refuse(timeline.ErrErased)
	} else if c.mergedInto != 0 {
		return 0, conflict{errMoved}
	}
	return id, nil
}

// erase does what is left: what came in meanwhile, and who the customer was.
func (db *DB) erase(t tx, customer normalize.ID, now time.Time) (map[string]bool, error) {
	id, err := db.eraser(t, customer)
	if err != nil {
		return nil, err
	}
	if err := db.eraseAddresses(t, id); err != nil {
		return nil, err
	}
	said, err := messagesOf(t, id, flagErased)
	if err != nil {
		return nil, err
	}
	files, err := eraseMessages(t, id, said, now)
	if err != nil {
		return nil, err
	}
	t.exec(`UPDATE events SET detail = '' WHERE detail <> '' AND conversation_id IN
		(SELECT c.id FROM conversations c JOIN addresses a ON a.id = c.address_id WHERE a.customer_id = $1)`, id)
	t.exec(`UPDATE events SET detail = '' WHERE type = 'customer.opted_out' AND ref_id IN (SELECT id FROM addresses WHERE customer_id = $1)`, id)
	t.exec(`DELETE FROM tags WHERE conversation_id IN (SELECT c.id FROM conversations c JOIN addresses a ON a.id = c.address_id WHERE a.customer_id = $1)`, id)
	if err := closeErased(t, id, now); err != nil {
		return nil, err
	}
	t.exec(`UPDATE conversations SET subject = '', assignee = '', window_thread = '', erased_at = $1, state = 'closed', closed_at = CASE WHEN state = 'open' THEN $1 ELSE closed_at END
		WHERE address_id IN (SELECT id FROM addresses WHERE customer_id = $2)`, now, id)
	return files, eraseNames(t, id, now)
}

// closeErased tells that the customer's open conversations end, so that nobody
// waits for them at a helpdesk.
func closeErased(t tx, customer normalize.ID, now time.Time) error {
	var open []normalize.ID
	err := t.query(`SELECT c.id FROM conversations c JOIN addresses a ON a.id = c.address_id WHERE a.customer_id = $1 AND c.state = 'open' ORDER BY c.id`,
		args(customer), func(r row) error { return scanID(r, &open) })
	for _, c := range open {
		t.emit(event{typ: normalize.ConversationClosed, conversation: c, ref: c, at: now})
	}
	return err
}

// eraseAddresses takes away what the customer can be reached at. Whoever
// writes from there later is somebody new.
func (db *DB) eraseAddresses(t tx, customer normalize.ID) error {
	type address struct {
		id          normalize.ID
		kind, value string
	}
	var list []address
	err := t.query(`SELECT id, kind, value FROM addresses WHERE customer_id = $1 ORDER BY id {LOCK}`, args(customer), func(r row) error {
		var a address
		err := r.scan(&a.id, &a.kind, &a.value)
		list = append(list, a)
		return err
	})
	t.exec(`DELETE FROM evidence WHERE address_id IN (SELECT id FROM addresses WHERE customer_id = $1)`, customer)
	t.exec(`DELETE FROM windows WHERE address_id IN (SELECT id FROM addresses WHERE customer_id = $1)`, customer)
	for _, a := range list {
		t.exec(`DELETE FROM evidence WHERE kind = $1 AND value = $2`, a.kind, a.value)
		hash := db.nameKey("erased", a.id.String(), a.kind, a.value)
		t.exec(`UPDATE addresses SET value = $1, name = '', evidence = 'erased', author = '', unreachable = '', opted_out = 0, consent_at = 0 WHERE id = $2`,
			"erased:"+hex.EncodeToString(hash[:]), a.id)
	}
	return err
}

// eraseMessages leaves of messages that there were some, as far as they are the
// customer's still, and returns the files that they came with.
func eraseMessages(t tx, customer normalize.ID, ids []normalize.ID, now time.Time) (map[string]bool, error) {
	asked := make([][]any, len(ids))
	for i, id := range ids {
		asked[i] = args(id, customer)
	}
	conversations := map[normalize.ID]bool{}
	ids = nil
	if err := t.each(`SELECT m.id, m.conversation_id FROM messages m JOIN addresses o ON o.id = m.owner_id
		LEFT JOIN addresses a ON a.id = m.address_id WHERE m.id = $1 AND (o.customer_id = $2 OR a.customer_id = $2)`, asked, func(_ int, r row) error {
		var id, conversation normalize.ID
		err := r.scan(&id, &conversation)
		ids, conversations[conversation] = append(ids, id), true
		return err
	}); err != nil {
		return nil, err
	}
	// Locked, as wherever a payload is changed.
	if err := t.each(`SELECT id FROM conversations WHERE id = $1 {LOCK}`, eachID(sortedKeys(conversations)), func(int, row) error { return nil }); err != nil {
		return nil, err
	}
	files := map[string]bool{}
	received := map[normalize.ID]time.Time{}
	var entries []normalize.ID
	var lost []storedMedia
	err := t.each(`SELECT id, ledger_id, payload FROM messages WHERE id = $1`, eachID(ids), func(_ int, r row) error {
		var id, ledger normalize.ID
		var b []byte
		if err := r.scan(&id, &ledger, &b); err != nil {
			return err
		}
		p, err := decodePayload(b)
		if err != nil {
			return err
		}
		received[id], entries, lost = p.ReceivedAt, append(entries, ledger), append(lost, p.files()...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range lost {
		if f.digest != "" { // else it is still with its vendor
			files[f.digest] = true
		}
	}
	dropMedia(t, lost, now)
	// The entries that repeated, edited or told of them hold their words as well.
	if err := t.each(`SELECT id FROM ledger WHERE message_id = $1 AND message_id <> 0`, eachID(ids), func(_ int, r row) error {
		return scanID(r, &entries)
	}); err != nil {
		return nil, err
	}
	raw, err := forgetRaws(t, entries, now)
	if err != nil {
		return nil, err
	}
	maps.Copy(files, raw)
	for _, l := range entries {
		t.exec(`UPDATE ledger SET name = '', reason = 'erased' WHERE id = $1`, l)
	}
	for _, id := range ids {
		if err := eraseMessage(t, id, received[id], now); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// eraseMessage leaves of a message that there was one.
func eraseMessage(t tx, id normalize.ID, received, now time.Time) error {
	b, err := (&payload{ReceivedAt: received, DeletedAt: now.UTC()}).encode()
	if err != nil {
		return err
	}
	t.exec(`UPDATE messages SET payload = $1, external_id = '', flags = CASE WHEN flags & $2 = 0 THEN flags + $2 ELSE flags END WHERE id = $3`,
		b, flagErased, id)
	unindex(t, id)
	t.exec(`UPDATE parts SET error = '', external_id = '' WHERE message_id = $1`, id)
	t.exec(`DELETE FROM receipts WHERE message_id = $1`, id)
	t.exec(`UPDATE attempts SET detail = '', external_id = '' WHERE job_id IN (SELECT id FROM jobs WHERE message_id = $1 AND message_id <> 0)`, id)
	t.exec(`UPDATE jobs SET error = '', settled = '' WHERE message_id = $1 AND message_id <> 0`, id)
	// What was not sent is not sent any more, by no retry either: it is empty.
	const unsent = `message_id = $1 AND message_id <> 0 AND task <> 'forward' AND state NOT IN ('sending', 'done')`
	t.exec(`DELETE FROM attempts WHERE job_id IN (SELECT id FROM jobs WHERE `+unsent+`)`, id)
	t.exec(`DELETE FROM jobs WHERE `+unsent, id)
	return nil
}

// eraseNames erases the customer and those who were merged into them.
func eraseNames(t tx, customer normalize.ID, now time.Time) error {
	all := []normalize.ID{customer}
	for i := 0; i < len(all) && i < mergeDepth; i++ {
		if err := t.query(`SELECT from_id FROM merges WHERE into_id = $1 AND undone_at = 0`, args(all[i]),
			func(r row) error { return scanID(r, &all) }); err != nil {
			return err
		}
	}
	for _, id := range all {
		t.exec(`UPDATE customers SET name = '', erased_at = $1 WHERE id = $2`, now, id)
		t.exec(`UPDATE merges SET reason = '', evidence = '' WHERE from_id = $1 OR into_id = $1`, id)
		if err := eraseReasons(t, id); err != nil {
			return err
		}
	}
	return nil
}

// eraseReasons takes the reasons of a customer's merges out of their events.
func eraseReasons(t tx, customer normalize.ID) error {
	merges, err := readMerges(t, `WHERE from_id = $1 OR into_id = $1`, customer)
	for _, m := range merges {
		detail, err := json.Marshal(normalize.MergeEvent{MergeID: m.ID, From: m.From, Into: m.Into})
		if err != nil {
			return err
		}
		t.exec(`UPDATE events SET detail = $1 WHERE ref_id = $2 AND type IN ('customer.merged', 'customer.unmerged')`, string(detail), m.ID)
	}
	return err
}
