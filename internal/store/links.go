package store

import (
	"context"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
)

// Links returns why each of a customer's addresses is theirs.
func (db *DB) Links(ctx context.Context, customer normalize.ID) (list []identity.Link, err error) {
	err = db.read(ctx, func(s session) error {
		id, err := currentCustomer(s, customer)
		if err != nil {
			return err
		}
		list, err = links(s, id)
		return err
	})
	return list, err
}
