package store

import (
	"context"
	"slices"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// listLimit bounds every list, whatever its caller asks for.
const listLimit = 1000

func bounded(limit int) int {
	if limit <= 0 || limit > listLimit {
		return listLimit
	}
	return limit
}

// newest is where a list begins that goes from the newest to the oldest.
func newest(before normalize.ID) normalize.ID {
	if before == 0 {
		return 1<<63 - 1
	}
	return before
}

const messageSelect = `SELECT m.id, m.conversation_id, m.account_id, m.flags, m.sent_at, m.external_id, m.payload,
	a.kind, a.value, a.name, o.customer_id, CASE WHEN r.ledger_id IS NULL THEN 0 ELSE 1 END,
	` + windowColumns + ` FROM messages m JOIN addresses a ON a.id = m.address_id JOIN addresses o ON o.id = m.owner_id
	LEFT JOIN raws r ON r.ledger_id = m.ledger_id
	JOIN conversations c ON c.id = m.conversation_id
	LEFT JOIN windows w ON w.account_id = m.account_id AND w.address_id = m.address_id AND w.thread = ` + messageWindow

// found is a message as it was read, before what stands elsewhere is added.
type found struct {
	*normalize.Message
	flags    int64
	account  int64
	customer normalize.ID
}

func scanMessage(r row) (f found, err error) {
	m := &normalize.Message{Direction: normalize.Inbound}
	f.Message = m
	var b []byte
	var w window
	if err := r.scan(&m.ID, &m.ConversationID, &f.account, &f.flags, &m.SentAt, &m.ExternalID, &b,
		&m.Address.Kind, &m.Address.Value, &m.Address.Name, &f.customer, &m.RawAvailable,
		&w.until, &w.remaining, &w.pending); err != nil {
		return f, err
	}
	p, err := decodePayload(b)
	if err != nil {
		return f, err
	}
	p.fill(m)
	m.ReplyWindow = w.left()
	m.Note = f.flags&flagNote != 0
	status := normalize.StatusReceived
	if f.flags&flagOutbound != 0 {
		m.Direction, status = normalize.Outbound, normalize.StatusAccepted
	}
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Status == "" {
			p.Status, p.StatusAt = status, m.ReceivedAt
		}
	}
	return f, nil
}

// readMessages returns the messages with these ids, in their order; missing
// ones are left out.
func (db *DB) readMessages(s session, ids []normalize.ID) ([]*normalize.Message, error) {
	list := make([]found, len(ids))
	err := s.each(messageSelect+` WHERE m.id = $1`, eachID(ids), func(i int, r row) (err error) {
		list[i], err = scanMessage(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return db.complete(s, slices.DeleteFunc(list, func(f found) bool { return f.Message == nil }))
}

// complete adds what stands elsewhere: the account's name, the customer, and
// how far our parts have come.
func (db *DB) complete(s session, list []found) ([]*normalize.Message, error) {
	out := make([]*normalize.Message, len(list))
	customers := map[normalize.ID]*normalize.Customer{}
	byID := map[normalize.ID]*normalize.Message{}
	var ours []normalize.ID
	for i, f := range list {
		acc, err := db.accounts.numbered(s, f.account)
		if err != nil {
			return nil, err
		}
		f.Channel = acc.ref()
		out[i], byID[f.ID] = f.Message, f.Message
		customers[f.customer] = nil
		if f.flags&flagOurs != 0 {
			ours = append(ours, f.ID)
		}
	}
	if err := readCustomers(s, customers); err != nil {
		return nil, err
	}
	for _, f := range list {
		f.Customer = customers[f.customer]
	}
	err := s.each(`SELECT id, status, status_at, error FROM parts WHERE message_id = $1`, eachID(ours), func(i int, r row) error {
		var p normalize.Part
		if err := r.scan(&p.ID, &p.Status, &p.StatusAt, &p.Error); err != nil {
			return err
		}
		parts := byID[ours[i]].Parts
		if n := slices.IndexFunc(parts, func(q normalize.Part) bool { return q.ID == p.ID }); n >= 0 {
			parts[n].Status, parts[n].StatusAt, parts[n].Error = p.Status, p.StatusAt, p.Error
		}
		return nil
	})
	return out, err
}

func (db *DB) oneMessage(s session, id normalize.ID) (*normalize.Message, error) {
	list, err := db.readMessages(s, []normalize.ID{id})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, timeline.ErrNotFound
	}
	return list[0], nil
}

// Message implements timeline.Reader.
func (db *DB) Message(ctx context.Context, id normalize.ID) (m *normalize.Message, err error) {
	err = db.read(ctx, func(s session) error {
		m, err = db.oneMessage(s, id)
		return err
	})
	return m, err
}

// ByExternalID implements timeline.Reader.
func (db *DB) ByExternalID(ctx context.Context, account, externalID string) (m *normalize.Message, err error) {
	err = db.read(ctx, func(s session) error {
		k, err := findKey(s, db.nameKey(nsExternal, account, clean(externalID)))
		if err != nil {
			return err
		}
		if k == nil {
			return timeline.ErrNotFound
		}
		m, err = db.oneMessage(s, k.ref)
		return err
	})
	return m, err
}

// SentAs implements deliver.Store.
func (db *DB) SentAs(ctx context.Context, account, externalID string) (message, part normalize.ID, err error) {
	err = db.read(ctx, func(s session) error {
		for ns, to := range map[string]*normalize.ID{nsExternal: &message, nsPart: &part} {
			k, err := findKey(s, db.nameKey(ns, account, clean(externalID)))
			if err != nil {
				return err
			}
			if k != nil {
				*to = k.ref
			}
		}
		return nil
	})
	return message, part, err
}

// Timeline implements timeline.Reader: the newest of each address, merged.
func (db *DB) Timeline(ctx context.Context, customer, before normalize.ID, limit int) (list []*normalize.Message, err error) {
	limit = bounded(limit)
	err = db.read(ctx, func(s session) error {
		c, err := currentCustomer(s, customer)
		if err != nil {
			return err
		}
		addresses, err := addressIDs(s, c)
		if err != nil {
			return err
		}
		asked := make([][]any, len(addresses))
		for i, a := range addresses {
			asked[i] = args(a, newest(before), limit, flagEcho)
		}
		var ids []normalize.ID
		if err := s.each(`SELECT id FROM messages WHERE owner_id = $1 AND id < $2 AND flags < $4 ORDER BY id DESC LIMIT $3`, asked,
			func(_ int, r row) error { return scanID(r, &ids) }); err != nil {
			return err
		}
		slices.SortFunc(ids, func(a, b normalize.ID) int { return int(min(max(b-a, -1), 1)) })
		list, err = db.readMessages(s, ids[:min(len(ids), limit)])
		return err
	})
	return list, err
}

func scanID(r row, ids *[]normalize.ID) error {
	var id normalize.ID
	err := r.scan(&id)
	*ids = append(*ids, id)
	return err
}

// LastInbound implements timeline.Reader.
func (db *DB) LastInbound(ctx context.Context, conversation normalize.ID) (m *normalize.Message, err error) {
	err = db.read(ctx, func(s session) error {
		var id normalize.ID
		found, err := one(s, `SELECT last_inbound FROM conversations WHERE id = $1`, args(conversation), &id)
		switch {
		case err != nil:
			return err
		case !found:
			return timeline.ErrNotFound
		case id == 0:
			return nil
		}
		m, err = db.oneMessage(s, id)
		return err
	})
	return m, err
}
