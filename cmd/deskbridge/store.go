package main

import (
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// listing are the flags of commands that list.
type listing struct {
	Limit int    `default:"50" help:"How many at most"`
	After string `placeholder:"CURSOR" help:"Go on after this cursor, which the page before named as next"`
	JSON  bool   `name:"json" help:"Write JSON"`
}

const maxLimit = 1000

// page returns the cursor and the number to ask for: one more than is shown
// tells whether there are more.
func (l listing) page() (after normalize.ID, limit int, err error) {
	if l.Limit < 1 || l.Limit > maxLimit {
		return 0, 0, badUsage("--limit must lie between 1 and %d", maxLimit)
	}
	after, err = normalize.ParseID(l.After)
	if err != nil {
		return 0, 0, badUsage("--after: %w", err)
	}
	return after, l.Limit + 1, nil
}

// cut returns at most limit items, and the cursor of the rest.
func cut[T any](items []T, limit int, id func(T) normalize.ID) (page []T, next string) {
	if len(items) <= limit {
		return items, ""
	}
	return items[:limit], id(items[limit-1]).String()
}

// customer finds who is meant by an id, an address, or KIND:ADDRESS.
func (e *env) customer(db *store.DB, arg string) (*normalize.Customer, error) {
	if id, err := normalize.ParseID(arg); err == nil && id != 0 {
		c, err := db.Customer(e.ctx, id)
		if !errors.Is(err, timeline.ErrNotFound) {
			return c, err
		}
	}
	var found []*normalize.Customer
	var as []string
	for _, a := range readings(arg) {
		c, err := db.CustomerOf(e.ctx, a)
		if errors.Is(err, timeline.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		as = append(as, a.Kind+":"+a.Value)
		if !slices.ContainsFunc(found, func(other *normalize.Customer) bool { return other.ID == c.ID }) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, fmt.Errorf("no customer has the id or address %q: look with `deskbridge customers list --query`", arg)
	}
	return nil, badUsage("%q belongs to several customers: write one of %s", arg, strings.Join(as, ", "))
}

// readings returns the addresses that a person may mean.
func readings(arg string) []normalize.Address {
	kinds := []string{normalize.KindEmail, normalize.KindPhone}
	for _, name := range channel.Kinds.Names() {
		k, _ := channel.Kinds.Get(name)
		for _, kind := range k.Addresses {
			if !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	if kind, value, ok := strings.Cut(arg, ":"); ok && slices.Contains(kinds, kind) {
		kinds, arg = []string{kind}, value
	}
	var all []normalize.Address
	for _, kind := range kinds {
		if kind == normalize.KindEmail {
			all = append(all, normalize.Email(arg, ""))
			continue
		}
		all = append(all, normalize.Address{Kind: kind, Value: arg})
	}
	return all
}

// actor names who runs the command, for what is written down of it.
func actor() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username + " (command line)"
	}
	return "command line"
}
