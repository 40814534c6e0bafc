package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// lockCustomers locks customers in the order of their ids, and returns what a
// merge must know of them.
func lockCustomers(t tx, ids ...normalize.ID) (map[normalize.ID]*customerState, error) {
	slices.Sort(ids)
	states := map[normalize.ID]*customerState{}
	err := t.each(`SELECT merged_into, erased_at FROM customers WHERE id = $1 {LOCK}`, eachID(ids), func(i int, r row) error {
		var c customerState
		states[ids[i]] = &c
		return r.scan(&c.mergedInto, &c.erasedAt)
	})
	return states, err
}

type customerState struct {
	mergedInto normalize.ID
	erasedAt   time.Time
}

// Merge implements identity.Store.
func (db *DB) Merge(ctx context.Context, m identity.Merge) (*identity.Merge, error) {
	return commit(ctx, db, func(t tx) (*identity.Merge, error) { return merge(t, m) })
}

func merge(t tx, m identity.Merge) (*identity.Merge, error) {
	out := m
	out.Reason, out.Evidence, out.Author = clean(m.Reason), clean(m.Evidence), clean(m.Author)
	if err := mergeable(t, &out); err != nil {
		return nil, err
	}
	if out.At.IsZero() {
		out.At = time.Now()
	}
	out.ID = normalize.NewID(out.At)
	out.At = out.ID.Time()
	if err := moveAddresses(t, &out); err != nil {
		return nil, err
	}
	t.exec(`INSERT INTO merges (id, from_id, into_id, reason, evidence, author) VALUES ($1, $2, $3, $4, $5, $6)`,
		out.ID, out.From, out.Into, out.Reason, out.Evidence, out.Author)
	t.exec(`UPDATE customers SET merged_into = $1 WHERE id = $2`, out.Into, out.From)
	t.emit(event{typ: normalize.CustomerMerged, ref: out.ID, at: out.At, detail: normalize.MergeEvent{
		MergeID: out.ID, From: out.From, Into: out.Into, Reason: out.Reason, Author: out.Author,
	}})
	return &out, nil
}

// mergeable locks both customers and refuses a merge that makes no sense.
// Customers who were merged away stand for those into whom they went.
func mergeable(t tx, m *identity.Merge) (err error) {
	if m.From, err = currentCustomer(t, m.From); err != nil {
		return refuse(err)
	}
	if m.Into, err = currentCustomer(t, m.Into); err != nil {
		return refuse(err)
	}
	if m.From == m.Into {
		return refuse(fmt.Errorf("%w: they are one customer already", timeline.ErrConflict))
	}
	states, err := lockCustomers(t, m.From, m.Into)
	if err != nil {
		return err
	}
	for _, c := range states {
		if c.mergedInto != 0 {
			return conflict{errMoved}
		}
		if !c.erasedAt.IsZero() {
			return refuse(timeline.ErrErased)
		}
	}
	return nil
}

// moveAddresses gives the one customer's addresses to the other and notes
// which they were.
func moveAddresses(t tx, m *identity.Merge) error {
	var ids []normalize.ID
	var evidence []string
	err := t.query(`SELECT id, kind, value, name, evidence FROM addresses WHERE customer_id = $1 ORDER BY id {LOCK}`, args(m.From),
		func(r row) error {
			var id normalize.ID
			var a normalize.Address
			var e string
			err := r.scan(&id, &a.Kind, &a.Value, &a.Name, &e)
			ids, evidence, m.Moved = append(ids, id), append(evidence, e), append(m.Moved, a)
			return err
		})
	if err != nil {
		return err
	}
	for i, id := range ids {
		t.exec(`INSERT INTO merge_moves (merge_id, address_id, evidence) VALUES ($1, $2, $3)
			ON CONFLICT (merge_id, address_id) DO UPDATE SET evidence = excluded.evidence`, m.ID, id, evidence[i])
		t.exec(`UPDATE addresses SET customer_id = $1, evidence = $2, author = $3, linked_at = $4 WHERE id = $5`,
			m.Into, mergeEvidence(m.ID), m.Author, m.At, id)
	}
	return nil
}

// Undo implements identity.Store.
func (db *DB) Undo(ctx context.Context, merge normalize.ID, author string, now time.Time) (*identity.Merge, error) {
	return commit(ctx, db, func(t tx) (*identity.Merge, error) {
		list, err := readMerges(t, `WHERE id = $1 {LOCK}`, merge)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, refuse(timeline.ErrNotFound)
		}
		m := list[0]
		if !m.UndoneAt.IsZero() {
			return nil, refuse(fmt.Errorf("%w: this merge was undone before", timeline.ErrConflict))
		}
		states, err := lockCustomers(t, m.From, m.Into)
		if err != nil {
			return nil, err
		}
		for _, c := range states {
			if !c.erasedAt.IsZero() {
				return nil, refuse(timeline.ErrErased)
			}
		}
		m.UndoneAt, m.UndoneBy = now.UTC().Truncate(time.Microsecond), clean(author)
		t.exec(`UPDATE merges SET undone_at = $1, undone_by = $2 WHERE id = $3`, now, m.UndoneBy, m.ID)
		t.exec(`UPDATE customers SET merged_into = 0 WHERE id = $1 AND merged_into = $2`, m.From, m.Into)
		if err := giveBack(t, m, 0); err != nil {
			return nil, err
		}
		t.emit(event{typ: normalize.CustomerUnmerged, ref: m.ID, at: now, detail: normalize.MergeEvent{
			MergeID: m.ID, From: m.From, Into: m.Into, Reason: m.Reason, Author: m.UndoneBy,
		}})
		return m, nil
	})
}

// giveBack returns the addresses that a merge moved and that no later merge
// moved on. Those come back when the later one is undone; if the one that had
// brought them was undone meanwhile, they go on to where it returns them.
func giveBack(t tx, m *identity.Merge, depth int) error {
	t.exec(`UPDATE addresses SET customer_id = $1, author = $2, linked_at = $3,
		evidence = (SELECT v.evidence FROM merge_moves v WHERE v.merge_id = $4 AND v.address_id = addresses.id)
		WHERE evidence = $5 AND id IN (SELECT address_id FROM merge_moves WHERE merge_id = $4)`,
		m.From, m.UndoneBy, m.UndoneAt, m.ID, mergeEvidence(m.ID))
	if err := moveOn(t, m.From); err != nil {
		return err
	}
	earlier := map[normalize.ID]bool{}
	err := t.query(`SELECT a.evidence FROM addresses a JOIN merge_moves v ON v.address_id = a.id WHERE v.merge_id = $1`, args(m.ID), func(r row) error {
		var evidence string
		err := r.scan(&evidence)
		if name, ok := strings.CutPrefix(evidence, mergeEvidence(0)); ok {
			if id, err := normalize.ParseID(name); err == nil {
				earlier[id] = true
			}
		}
		return err
	})
	if err != nil || depth > mergeDepth {
		return err
	}
	for _, id := range sortedKeys(earlier) {
		list, err := readMerges(t, `WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if len(list) == 1 && !list[0].UndoneAt.IsZero() {
			if err := giveBack(t, list[0], depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveOn lets the merges that took a customer away take what came back to them
// since.
func moveOn(t tx, customer normalize.ID) error {
	for range mergeDepth {
		list, err := readMerges(t, `WHERE undone_at = 0 AND from_id = $1 AND into_id = (SELECT merged_into FROM customers WHERE id = $1) ORDER BY id DESC LIMIT 1`, customer)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := moveAddresses(t, list[0]); err != nil {
			return err
		}
		customer = list[0].Into
	}
	return nil
}

// mergeEvidence is why an address belongs to whom a merge gave it.
func mergeEvidence(id normalize.ID) string { return "merge " + id.String() }

// Merges implements identity.Store.
func (db *DB) Merges(ctx context.Context, customer normalize.ID) (list []*identity.Merge, err error) {
	err = db.read(ctx, func(s session) error {
		list, err = readMerges(s, `WHERE from_id = $1 OR into_id = $1 ORDER BY id DESC`, customer)
		return err
	})
	return list, err
}

func readMerges(s session, tail string, arg any) (list []*identity.Merge, err error) {
	err = s.query(`SELECT id, from_id, into_id, reason, evidence, author, undone_at, undone_by FROM merges `+tail, args(arg), func(r row) error {
		m := &identity.Merge{Moved: []normalize.Address{}}
		list = append(list, m)
		err := r.scan(&m.ID, &m.From, &m.Into, &m.Reason, &m.Evidence, &m.Author, &m.UndoneAt, &m.UndoneBy)
		m.At = m.ID.Time()
		return err
	})
	if err != nil {
		return nil, err
	}
	asked := make([][]any, len(list))
	for i, m := range list {
		asked[i] = args(m.ID)
	}
	err = s.each(`SELECT a.kind, a.value, a.name FROM merge_moves v JOIN addresses a ON a.id = v.address_id WHERE v.merge_id = $1 ORDER BY a.id`,
		asked, func(i int, r row) error {
			var a normalize.Address
			err := r.scan(&a.Kind, &a.Value, &a.Name)
			list[i].Moved = append(list[i].Moved, a)
			return err
		})
	return list, err
}
