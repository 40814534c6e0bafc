package store

import (
	"context"
	"time"
)

// Lease is what runs on one node only, and where.
type Lease struct {
	Name, Owner string
	Until       time.Time
}

// Leases returns the leases that are held at now, by name.
func (db *DB) Leases(ctx context.Context, now time.Time) (list []Lease, err error) {
	err = db.read(ctx, func(s session) error {
		return s.query(`SELECT name, owner, until FROM leases WHERE until > $1 ORDER BY name`, args(now), func(r row) error {
			var l Lease
			err := r.scan(&l.Name, &l.Owner, &l.Until)
			list = append(list, l)
			return err
		})
	})
	return list, err
}

// VendorToken is what a vendor issued to an account, without its value.
type VendorToken struct {
	Account, Name string
	Expires       time.Time // zero never
}

// VendorTokens returns the tokens of all accounts.
func (db *DB) VendorTokens(ctx context.Context) (list []VendorToken, err error) {
	err = db.read(ctx, func(s session) error {
		return s.query(`SELECT account, name, expires FROM vendor_tokens ORDER BY account, name`, nil, func(r row) error {
			var k VendorToken
			err := r.scan(&k.Account, &k.Name, &k.Expires)
			list = append(list, k)
			return err
		})
	})
	return list, err
}
