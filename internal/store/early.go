package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// # Inputs that come early
//
// Vendors' calls overtake each other, and overtake our own settlement of a
// send. What names a message that is not known yet waits in table early, and
// its name in table keys is held for it with the mark below: whoever gives a
// message that name comes upon the mark, or fails on the key and tries again,
// and applies in the same commit what waited. So nothing slips through between
// two nodes, and a name for which nothing waits costs nothing.

const (
	// waiting is the mark of a name that only early inputs have used so far.
	waiting = -1
	// earlyLimit bounds how much may wait for one message.
	earlyLimit = 50
	// EarlyTime is how long it waits.
	EarlyTime = 3 * 24 * time.Hour
)

func (k *keyRow) waits() bool { return k != nil && k.mark == waiting }

// earlyItem is an input that waits: one of its fields is set.
type earlyItem struct {
	Edit     *normalize.Edit     `json:"edit,omitempty"`
	Delete   *normalize.Delete   `json:"delete,omitempty"`
	Reaction *normalize.Reaction `json:"reaction,omitempty"`
	Receipt  *normalize.Receipt  `json:"receipt,omitempty"`
	// Part is that of a supplement, and At its time.
	Part *storedPart `json:"part,omitempty"`
	At   time.Time   `json:"at,omitzero"`
}

func earlyItemOf(item normalize.Item) earlyItem {
	switch it := item.(type) {
	case *normalize.Edit:
		return earlyItem{Edit: it}
	case *normalize.Delete:
		return earlyItem{Delete: it}
	case *normalize.Reaction:
		return earlyItem{Reaction: it}
	case *normalize.Supplement:
		part := storePart(it.Part, it.At)
		return earlyItem{Part: &part, At: it.At}
	}
	panic(fmt.Sprintf("store: %T cannot come early", item))
}

// at is when the vendor says that it happened.
func (i earlyItem) at() time.Time {
	switch {
	case i.Edit != nil:
		return i.Edit.At
	case i.Delete != nil:
		return i.Delete.At
	case i.Reaction != nil:
		return i.Reaction.At
	case i.Part != nil:
		return i.At
	}
	return i.Receipt.At
}

// item is what is applied.
func (i earlyItem) item() normalize.Item {
	switch {
	case i.Edit != nil:
		return i.Edit
	case i.Delete != nil:
		return i.Delete
	case i.Reaction != nil:
		return i.Reaction
	case i.Part != nil:
		return &normalize.Supplement{Part: i.Part.part(), At: i.At}
	}
	return normalize.Receipts{*i.Receipt}
}

// drop gives up the file that an item came with.
func (i earlyItem) drop(t tx, now time.Time) {
	if i.Part != nil {
		orphan(t, i.Part.SHA256, now)
	}
}

// wait keeps an input until the message that it names is known.
func (b *batch) wait(in *ingest, e *entry, name nameKey, item earlyItem) (timeline.Result, error) {
	if name == (nameKey{}) {
		return disregarded("unknown_message"), nil
	}
	if err := b.loadKeys([]nameKey{name}); err != nil {
		return timeline.Result{}, err
	}
	id := normalize.NewID(in.Now)
	if k := b.keys[name]; k == nil {
		b.remember(name, keyRow{id, waiting})
	} else {
		var now keyRow
		found, err := one(b.t, `SELECT ref, mark FROM keys WHERE key = $1 {LOCK}`, args(name[:]), &now.ref, &now.mark)
		if err != nil {
			return timeline.Result{}, err
		}
		if !found || now != *k {
			return timeline.Result{}, conflict{errMoved}
		}
	}
	if e.Replay != 0 { // it may be waiting since it came for the first time
		b.t.exec(`DELETE FROM early WHERE key = $1 AND ledger_id = $2`, name[:], e.ledger)
	}
	n := 0
	if _, err := one(b.t, `SELECT count(*) FROM early WHERE key = $1`, args(name[:]), &n); err != nil {
		return timeline.Result{}, err
	}
	if n >= earlyLimit {
		item.drop(b.t, in.Now)
		return disregarded("too_many_early"), nil
	}
	content, err := json.Marshal(item)
	if err != nil {
		return timeline.Result{}, fmt.Errorf("keep an early input: %w", err)
	}
	b.t.exec(`INSERT INTO early (id, key, ledger_id, at, item) VALUES ($1, $2, $3, $4, $5)`, id, name[:], e.ledger, item.at(), content)
	return timeline.Result{Outcome: normalize.Waiting, Reason: "unknown_message"}, nil
}

// catchUp applies what waited for a message, now that it has a name.
func (b *batch) catchUp(in *ingest, name nameKey) error {
	type early struct {
		id, ledger normalize.ID
		at         time.Time
		item       earlyItem
	}
	var list []early
	err := b.t.query(`SELECT id, ledger_id, at, item FROM early WHERE key = $1 ORDER BY id`, args(name[:]), func(s row) error {
		var r early
		var content []byte
		if err := s.scan(&r.id, &r.ledger, &r.at, &content); err != nil {
			return err
		}
		err := json.Unmarshal(content, &r.item)
		list = append(list, r)
		return err
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(list, func(x, y early) int { return x.at.Compare(y.at) })
	for _, r := range list {
		b.t.exec(`DELETE FROM early WHERE id = $1`, r.id)
		e := &entry{Entry: timeline.Entry{Outcome: normalize.Accepted, Item: r.item.item()}, ledger: r.ledger, ext: name}
		res, err := b.dispatch(in, e, r.ledger)
		if err != nil {
			return err
		}
		if res.Outcome == normalize.Waiting {
			continue // it is kept again: its message is not ours
		}
		b.t.exec(`UPDATE ledger SET outcome = $1, reason = $2, message_id = $3 WHERE id = $4 AND outcome = $5`,
			res.Outcome, res.Reason, res.Message, r.ledger, normalize.Waiting)
		if m := b.messages[res.Message]; m != nil && m.is(flagErased) {
			b.t.exec(`UPDATE ledger SET name = '', reason = 'erased' WHERE id = $1`, r.ledger)
			if _, err := forgetRaws(b.t, []normalize.ID{r.ledger}, in.Now); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepEarly gives up what waited for too long.
func sweepEarly(t tx, until normalize.ID, now time.Time) (int, error) {
	type early struct {
		id, ledger normalize.ID
		key        []byte
		item       earlyItem
	}
	var list []early
	err := t.query(fmt.Sprintf(`SELECT id, ledger_id, key, item FROM early WHERE id < $1 ORDER BY id LIMIT %d`, sweepBatch), args(until), func(s row) error {
		var r early
		var content []byte
		if err := s.scan(&r.id, &r.ledger, &r.key, &content); err != nil {
			return err
		}
		err := json.Unmarshal(content, &r.item)
		list = append(list, r)
		return err
	})
	slices.SortFunc(list, func(x, y early) int { return cmp.Or(slices.Compare(x.key, y.key), cmp.Compare(x.id, y.id)) })
	for _, r := range list {
		r.item.drop(t, now)
		t.exec(`DELETE FROM early WHERE id = $1`, r.id)
		t.exec(`UPDATE ledger SET outcome = $1 WHERE id = $2 AND outcome = $3`, normalize.Disregarded, r.ledger, normalize.Waiting)
		t.exec(`DELETE FROM keys WHERE key = $1 AND mark = $2 AND NOT EXISTS (SELECT 1 FROM early WHERE early.key = $1)`, r.key, waiting)
	}
	return len(list), err
}
