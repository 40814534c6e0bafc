package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// mergeDepth bounds how far a chain of merges is followed.
const mergeDepth = 100

// currentCustomer returns the customer that id stands for by now: itself, or
// the one into which it was merged.
func currentCustomer(s session, id normalize.ID) (normalize.ID, error) {
	for range mergeDepth {
		var into normalize.ID
		found, err := one(s, `SELECT merged_into FROM customers WHERE id = $1`, args(id), &into)
		if err != nil {
			return 0, err
		}
		if !found {
			return 0, timeline.ErrNotFound
		}
		if into == 0 {
			return id, nil
		}
		id = into
	}
	return 0, fmt.Errorf("the merges of customer %s go in a circle", id)
}

func addressIDs(s session, customer normalize.ID) (ids []normalize.ID, err error) {
	err = s.query(`SELECT id FROM addresses WHERE customer_id = $1 ORDER BY id`, args(customer), func(r row) error { return scanID(r, &ids) })
	return ids, err
}

// readCustomers fills a map whose keys are wanted.
func readCustomers(s session, m map[normalize.ID]*normalize.Customer) error {
	ids := sortedKeys(m)
	err := s.each(`SELECT name FROM customers WHERE id = $1`, eachID(ids), func(i int, r row) error {
		c := &normalize.Customer{ID: ids[i], Addresses: []normalize.Address{}}
		m[ids[i]] = c
		return r.scan(&c.Name)
	})
	if err != nil {
		return err
	}
	return s.each(`SELECT kind, value, name FROM addresses WHERE customer_id = $1 ORDER BY id`, eachID(ids), func(i int, r row) error {
		var a normalize.Address
		if err := r.scan(&a.Kind, &a.Value, &a.Name); err != nil {
			return err
		}
		c := m[ids[i]]
		c.Addresses = append(c.Addresses, a)
		if c.Name == "" {
			c.Name = a.Name // of an address that was linked later
		}
		return nil
	})
}

func readCustomer(s session, id normalize.ID) (*normalize.Customer, error) {
	m := map[normalize.ID]*normalize.Customer{id: nil}
	if err := readCustomers(s, m); err != nil {
		return nil, err
	}
	if m[id] == nil {
		return nil, timeline.ErrNotFound
	}
	return m[id], nil
}

func customerOf(s session, a normalize.Address) (*normalize.Customer, error) {
	var id normalize.ID
	found, err := one(s, `SELECT customer_id FROM addresses WHERE kind = $1 AND value = $2`, args(clean(a.Kind), clean(a.Value)), &id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, timeline.ErrNotFound
	}
	return readCustomer(s, id)
}

// Customer implements identity.Store.
func (db *DB) Customer(ctx context.Context, id normalize.ID) (c *normalize.Customer, err error) {
	err = db.read(ctx, func(s session) error {
		current, err := currentCustomer(s, id)
		if err != nil {
			return err
		}
		c, err = readCustomer(s, current)
		return err
	})
	return c, err
}

// CustomerOf implements identity.Store.
func (db *DB) CustomerOf(ctx context.Context, a normalize.Address) (c *normalize.Customer, err error) {
	err = db.read(ctx, func(s session) error {
		c, err = customerOf(s, a)
		return err
	})
	return c, err
}

// Customers implements identity.Store. Those that were merged away or erased
// are not listed.
func (db *DB) Customers(ctx context.Context, query string, after normalize.ID, limit int) (list []*normalize.Customer, err error) {
	w := where{conditions: []string{"c.merged_into = 0", "c.erased_at = 0"}}
	if after != 0 {
		w.and("c.id < ?", after)
	}
	if query = strings.ToLower(clean(strings.TrimSpace(query))); query != "" {
		like := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(query) + "%"
		w.and(foldFor(query, `({FOLD}(c.name) LIKE ? ESCAPE '\' OR EXISTS (SELECT 1 FROM addresses a WHERE a.customer_id = c.id
			AND ({FOLD}(a.value) LIKE ? ESCAPE '\' OR {FOLD}(a.name) LIKE ? ESCAPE '\')))`), like, like, like)
	}
	err = db.read(ctx, func(s session) error {
		var ids []normalize.ID
		err := s.query(fmt.Sprintf(`SELECT c.id FROM customers c%s ORDER BY c.id DESC LIMIT %d`, &w, bounded(limit)), w.args,
			func(r row) error { return scanID(r, &ids) })
		if err != nil {
			return err
		}
		m := map[normalize.ID]*normalize.Customer{}
		for _, id := range ids {
			m[id] = nil
		}
		if err := readCustomers(s, m); err != nil {
			return err
		}
		list = make([]*normalize.Customer, len(ids))
		for i, id := range ids {
			list[i] = m[id]
		}
		return nil
	})
	return list, err
}

// links returns why a customer's addresses are theirs.
func links(s session, customer normalize.ID) (list []identity.Link, err error) {
	err = s.query(`SELECT kind, value, name, evidence, author, linked_at FROM addresses WHERE customer_id = $1 ORDER BY id`, args(customer),
		func(r row) error {
			var l identity.Link
			list = append(list, l)
			p := &list[len(list)-1]
			return r.scan(&p.Address.Kind, &p.Address.Value, &p.Address.Name, &p.Evidence, &p.Author, &p.Since)
		})
	if err != nil {
		return nil, err
	}
	err = s.query(`SELECT a.kind, a.value, e.kind, e.value, e.verified FROM evidence e JOIN addresses a ON a.id = e.address_id
		WHERE a.customer_id = $1 ORDER BY a.id, e.kind, e.value`, args(customer), func(r row) error {
		var of normalize.Address
		var e normalize.Evidence
		err := r.scan(&of.Kind, &of.Value, &e.Address.Kind, &e.Address.Value, &e.Verified)
		if i := slices.IndexFunc(list, func(l identity.Link) bool { return l.Address.Is(of) }); i >= 0 {
			list[i].Names = append(list[i].Names, e)
		}
		return err
	})
	return list, err
}
