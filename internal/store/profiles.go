package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/text"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

const (
	// evidenceLimit bounds what one profile names, and relatedLimit how many
	// customers are shown beside one.
	evidenceLimit = 20
	relatedLimit  = 20
	// profileName bounds a name, in characters, and profileID what an evidence
	// says, in bytes: an index takes no more than 2700.
	profileName = 500
	profileID   = 1000
	// ourAuthor is who merges customers by evidence.
	ourAuthor = "deskbridge"
)

// askWho queues a job that asks the vendor who an address is, at its first
// message on a channel that can.
func (b *batch) askWho(in *ingest, a *addressRow, m *normalize.Message) {
	if !in.account.profiles || !a.profiledAt.IsZero() || m.Direction == normalize.Outbound {
		return
	}
	a.profiledAt = in.Now
	b.t.exec(`UPDATE addresses SET profiled_at = $1 WHERE id = $2`, in.Now, a.id)
	queueWork(b.t, in.account.ID, outbox.TaskProfile, a.id, 0, in.Now)
}

// Address returns an address by its id, for the fetch lane.
func (db *DB) Address(ctx context.Context, id normalize.ID) (a normalize.Address, err error) {
	err = db.read(ctx, func(s session) error {
		var erased time.Time
		found, err := one(s, `SELECT a.kind, a.value, a.name, c.erased_at FROM addresses a JOIN customers c ON c.id = a.customer_id WHERE a.id = $1`,
			args(id), &a.Kind, &a.Value, &a.Name, &erased)
		switch {
		case err != nil:
			return err
		case !found:
			return timeline.ErrNotFound
		case !erased.IsZero():
			return timeline.ErrErased
		}
		return nil
	})
	return a, err
}

// settleProfile takes over what a vendor knows of an address: a name where
// there is none, and evidence, which may make customers one.
func (db *DB) settleProfile(t tx, j *jobRow, s outbox.Settlement) error {
	if s.Profile == nil {
		return nil
	}
	if lock := db.eng.dialect().evidenceLock; lock != "" {
		t.exec(lock)
	}
	var own normalize.Address
	var customer normalize.ID
	var erased time.Time
	found, err := one(t, `SELECT a.kind, a.value, a.customer_id, c.erased_at FROM addresses a JOIN customers c ON c.id = a.customer_id WHERE a.id = $1`,
		args(j.about), &own.Kind, &own.Value, &customer, &erased)
	if err != nil || !found || !erased.IsZero() {
		return err
	}
	if name := text.Truncate(s.Profile.Name, profileName); name != "" {
		t.exec(`UPDATE addresses SET name = $1 WHERE id = $2 AND name = ''`, name, j.about)
		t.exec(`UPDATE customers SET name = $1 WHERE id = $2 AND name = ''`, name, customer)
	}
	for _, e := range s.Profile.Evidence[:min(len(s.Profile.Evidence), evidenceLimit)] {
		a := cleanAddress(e.Address)
		if a.Kind == "" || a.IsZero() || a.Is(own) || len(a.Kind)+len(a.Value) > profileID {
			continue
		}
		t.exec(`INSERT INTO evidence (address_id, kind, value, verified) VALUES ($1, $2, $3, $4)
			ON CONFLICT (address_id, kind, value) DO UPDATE SET verified = excluded.verified`, j.about, a.Kind, a.Value, e.Verified)
		if !e.Verified {
			continue
		}
		var peers []normalize.ID
		if err := t.query(`SELECT id FROM addresses WHERE kind = $1 AND value = $2
			UNION SELECT address_id FROM evidence WHERE kind = $1 AND value = $2 AND verified = 1 AND address_id <> $3 ORDER BY 1`,
			args(a.Kind, a.Value, j.about), func(r row) error { return scanID(r, &peers) }); err != nil {
			return err
		}
		for _, p := range peers {
			if err := joinBy(t, evident{j.about, p, a}, s.Now); err != nil {
				return err
			}
		}
	}
	return nil
}

// evident are two addresses that verified evidence gives one person.
type evident struct {
	one, other normalize.ID
	name       normalize.Address // of the evidence
}

// findEvident looks whether new addresses are those that evidence names. Of
// evidence that another node writes in the same moment nothing is seen: it is
// shown, and a person may merge.
func (b *batch) findEvident(names []addressName) error {
	asked := make([][]any, len(names))
	for i, n := range names {
		asked[i] = args(n.kind, n.value)
	}
	return b.t.find(findEvidence, asked, func(i int, r row) error {
		var holder normalize.ID
		var verified bool
		err := r.scan(&holder, &verified)
		if verified {
			n := names[i]
			b.evident = append(b.evident, evident{b.addresses[n].id, holder, normalize.Address{Kind: n.kind, Value: n.value}})
		}
		return err
	})
}

func (b *batch) joinEvident(now time.Time) error {
	for _, e := range b.evident {
		if err := joinBy(b.t, e, now); err != nil {
			return err
		}
	}
	b.evident = nil
	return nil
}

// joinBy makes the customers of two addresses one, the younger going into the
// older, unless a person has separated them before.
func joinBy(t tx, e evident, now time.Time) error {
	var a, b normalize.ID
	if _, err := one(t, `SELECT x.customer_id, y.customer_id FROM addresses x JOIN addresses y ON y.id = $2 WHERE x.id = $1`, args(e.one, e.other), &a, &b); err != nil {
		return err
	}
	if a == b {
		return nil
	}
	from, into := max(a, b), min(a, b)
	undone, err := one(t, `SELECT id FROM merges WHERE undone_at <> 0 AND (from_id = $1 AND into_id = $2 OR from_id = $2 AND into_id = $1) LIMIT 1`,
		args(from, into), new(normalize.ID))
	if err != nil || undone {
		return err
	}
	_, err = merge(t, identity.Merge{
		From: from, Into: into, Author: ourAuthor, At: now,
		Reason:   "their vendors know them as one person",
		Evidence: fmt.Sprintf("%s %s, verified", e.name.Kind, e.name.Value),
	})
	if _, refused := errors.AsType[refusal](err); refused {
		return nil // erased meanwhile
	}
	return err
}

// Related implements identity.Store.
func (db *DB) Related(ctx context.Context, customer normalize.ID) (list []identity.Related, err error) {
	err = db.read(ctx, func(s session) error {
		id, err := currentCustomer(s, customer)
		if err != nil {
			return err
		}
		why := map[normalize.ID]string{}
		var order []normalize.ID
		look := func(words, sql string) error {
			return s.query(sql, args(id), func(r row) error {
				var c normalize.ID
				var a normalize.Address
				err := r.scan(&c, &a.Kind, &a.Value)
				if _, known := why[c]; !known && c != id && len(order) < relatedLimit {
					why[c], order = fmt.Sprintf(words, a.Kind, a.Value), append(order, c)
				}
				return err
			})
		}
		const others = ` JOIN customers c ON c.id = o.customer_id AND c.erased_at = 0 `
		if err := errors.Join(
			look("both are known as %s %s", `SELECT o.customer_id, e.kind, e.value FROM addresses a JOIN evidence e ON e.address_id = a.id
				JOIN evidence f ON f.kind = e.kind AND f.value = e.value AND f.address_id <> e.address_id
				JOIN addresses o ON o.id = f.address_id`+others+`WHERE a.customer_id = $1 ORDER BY o.id`),
			look("this customer is also known as %s %s", `SELECT o.customer_id, e.kind, e.value FROM addresses a JOIN evidence e ON e.address_id = a.id
				JOIN addresses o ON o.kind = e.kind AND o.value = e.value`+others+`WHERE a.customer_id = $1 ORDER BY o.id`),
			look("they are also known as %s %s", `SELECT o.customer_id, e.kind, e.value FROM addresses a
				JOIN evidence e ON e.kind = a.kind AND e.value = a.value
				JOIN addresses o ON o.id = e.address_id`+others+`WHERE a.customer_id = $1 ORDER BY o.id`),
		); err != nil {
			return err
		}
		customers := map[normalize.ID]*normalize.Customer{}
		for _, c := range order {
			customers[c] = nil
		}
		if err := readCustomers(s, customers); err != nil {
			return err
		}
		list = []identity.Related{}
		for _, c := range order {
			list = append(list, identity.Related{Customer: customers[c], Why: why[c]})
		}
		return nil
	})
	return list, err
}
