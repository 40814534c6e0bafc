package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// ingest is what one call of Stage took in, with all made beforehand that needs no
// database, so that the writer spends no time on it.
type ingest struct {
	timeline.Ingest
	entries []*entry
	results []timeline.Result
	account Account
}

// entry is one input on its way in.
type entry struct {
	timeline.Entry
	meta    string // Input.Meta as JSON
	message *normalize.Message
	payload *payload
	encoded []byte
	mark    int64
	input   nameKey // by the digest of the bytes
	ext     nameKey // of the message, or of the target of an edit and kin
	extFP   nameKey // with the fingerprint
	answers []nameKey
	replay  *replayed
	ledger  normalize.ID // its row
}

// answersLimit bounds how many references are looked at for the conversation.
const answersLimit = 32

// Stage implements timeline.Store.
func (db *DB) Stage(in timeline.Ingest) (commit func(context.Context) ([]timeline.Result, error), err error) {
	i := &ingest{Ingest: in, entries: make([]*entry, len(in.Entries))}
	if err := db.prepareAll(i); err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]timeline.Result, error) {
		if err := db.submit(&op{ctx: ctx, in: i}); err != nil {
			return nil, err
		}
		return i.results, nil
	}, nil
}

// prepareAll prepares the entries, as many at once as there are processors.
func (db *DB) prepareAll(i *ingest) error {
	if len(i.entries) == 1 {
		var err error
		i.entries[0], err = db.prepare(i.Account, i.Entries[0])
		return err
	}
	var next atomic.Int64
	var work errgroup.Group
	for range min(runtime.GOMAXPROCS(0), len(i.entries)) {
		work.Go(func() (err error) {
			for n := next.Add(1) - 1; err == nil && n < int64(len(i.entries)); n = next.Add(1) - 1 {
				i.entries[n], err = db.prepare(i.Account, i.Entries[n])
			}
			return err
		})
	}
	return work.Wait()
}

// prepare makes what can be made of an entry without the database.
func (db *DB) prepare(account string, e timeline.Entry) (*entry, error) {
	p := &entry{Entry: e, input: db.nameKey(nsInput, account, hex.EncodeToString(e.Input.Digest[:]))}
	p.Reason = clean(p.Reason)
	if len(e.Input.Meta) > 0 {
		b, err := json.Marshal(e.Input.Meta)
		if err != nil {
			return nil, err
		}
		p.meta = clean(string(b))
	}
	switch it := e.Item.(type) {
	case *normalize.Message:
		return p, db.prepareMessage(account, p, it)
	case *normalize.Edit:
		p.ext = db.nameKey(nsExternal, account, it.Target)
	case *normalize.Delete:
		p.ext = db.nameKey(nsExternal, account, it.Target)
	case *normalize.Supplement:
		p.ext = db.nameKey(nsExternal, account, it.Target)
	case *normalize.Reaction:
		p.ext = db.nameKey(nsExternal, account, it.Target)
	case *normalize.Ignored:
		p.Outcome, p.Reason = normalize.Disregarded, clean(it.Reason)
	case nil:
		if p.Outcome == normalize.Accepted {
			return nil, errors.New("an accepted input needs an item")
		}
	}
	return p, nil
}

func (db *DB) prepareMessage(account string, p *entry, m *normalize.Message) error {
	if p.Outcome == normalize.Disregarded {
		return nil
	}
	if (m.Address.IsZero() || m.Address.Kind == "") && (m.Direction != normalize.Outbound || p.Outcome == normalize.Quarantined) {
		p.Outcome, p.Reason = normalize.Quarantined, "no_sender"
		return nil
	}
	cp := *m
	cp.Parts = append([]normalize.Part(nil), m.Parts...)
	p.message = &cp
	cp.ExternalID = clean(m.ExternalID)
	cp.Address = cleanAddress(m.Address)
	if p.Outcome == normalize.Quarantined && cp.Unreadable == "" {
		cp.Unreadable = p.Reason
	}
	for i := range cp.Parts {
		if cp.Parts[i].ID == 0 {
			cp.Parts[i].ID = normalize.NewID(p.Input.ReceivedAt)
		}
		if f := cp.Parts[i].Media; f != nil && f.ID == 0 {
			media := *f
			media.ID = normalize.NewID(p.Input.ReceivedAt)
			cp.Parts[i].Media = &media
		}
	}
	p.mark = mark(cp.Fingerprint)
	if cp.ExternalID != "" {
		p.ext = db.nameKey(nsExternal, account, cp.ExternalID)
		if cp.Fingerprint != "" {
			p.extFP = db.nameKey(nsExternal, account, cp.ExternalID, cp.Fingerprint)
		}
	}
	names := []string{cp.Thread.ReplyTo}
	for i := len(cp.Thread.References) - 1; i >= 0 && len(names) < answersLimit; i-- {
		names = append(names, cp.Thread.References[i])
	}
	for _, name := range names {
		if name != "" && name != cp.ExternalID {
			p.answers = append(p.answers, db.nameKey(nsExternal, account, clean(name)))
		}
	}
	p.payload = newPayload(&cp)
	var err error
	p.encoded, err = p.payload.encode()
	return err
}

func cleanAddress(a normalize.Address) normalize.Address {
	return normalize.Address{Kind: clean(a.Kind), Value: clean(a.Value), Name: clean(a.Name)}
}

// applyIngests applies neighbouring calls together, so that what they need to
// know is read at once. A call that is refused writes nothing.
func (db *DB) applyIngests(t tx, group []*op) error {
	var live []*ingest
	accounts, err := db.accounts.get(t)
	if err != nil {
		return err
	}
	fences, err := readFences(t, group)
	if err != nil {
		return err
	}
	for _, o := range group {
		in := o.in
		o.err, in.results = nil, nil
		var ok bool
		if in.account, ok = accounts.byName[in.Account]; !ok {
			o.err = errNoAccount(in.Account)
			continue
		}
		if in.Fence != 0 && fences[in.Account] != in.Fence {
			o.err = timeline.ErrFenced
			continue
		}
		if o.err, err = in.findReplays(t); err != nil {
			return err
		}
		if o.err == nil {
			live = append(live, in)
		}
	}
	b := newBatch(db, t)
	if err := b.load(live); err != nil {
		return err
	}
	for _, in := range live {
		for _, e := range in.entries {
			r, err := b.apply(in, e)
			if err != nil {
				return err
			}
			in.results = append(in.results, r)
		}
		if err := b.joinEvident(in.Now); err != nil {
			return err
		}
		for _, c := range in.Cursors {
			b.cursors[cursorOf{in.account.ID, c.Key}] = c.Value
		}
	}
	b.saveConversations()
	for c, value := range b.cursors {
		t.insert(putCursor, c.account, c.name, value)
	}
	return nil
}

// readFences returns the tokens of the leases that the calls rely on. They
// stay locked, so that nobody takes an account over while we commit for it.
func readFences(t tx, group []*op) (map[string]int64, error) {
	fences := map[string]int64{}
	for _, o := range group {
		if o.in.Fence != 0 {
			fences[o.in.Account] = 0
		}
	}
	names := sortedKeys(fences)
	asked := make([][]any, len(names))
	for i, n := range names {
		asked[i] = args("account/" + n)
	}
	err := t.each(`SELECT fence FROM leases WHERE name = $1 {LOCK}`, asked, func(i int, r row) error {
		var f int64
		err := r.scan(&f)
		fences[names[i]] = f
		return err
	})
	return fences, err
}

// Cursor implements timeline.Store.
func (db *DB) Cursor(ctx context.Context, account, key string) (value string, err error) {
	err = db.read(ctx, func(s session) error {
		_, err := one(s, `SELECT c.value FROM cursors c JOIN accounts a ON a.id = c.account_id WHERE a.name = $1 AND c.name = $2`,
			args(account, key), &value)
		return err
	})
	return value, err
}
