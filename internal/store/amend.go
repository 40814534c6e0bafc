package store

import (
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const (
	// earlierLimit is how many former wordings of a message are kept, and
	// reactionLimit how many reactions.
	earlierLimit  = 20
	reactionLimit = 200
)

func disregarded(reason string) timeline.Result {
	return timeline.Result{Outcome: normalize.Disregarded, Reason: reason}
}

// amend finds the message that an input is about and lets f change what it
// holds. f says why there is nothing to do, or "".
func (b *batch) amend(in *ingest, e *entry, typ normalize.EventType, f func(p *payload) (reason string)) (timeline.Result, error) {
	k, err := b.key(e.ext)
	if err != nil {
		return timeline.Result{}, err
	}
	if k == nil {
		return b.wait(in, e, e.ext, earlyItemOf(e.Item))
	}
	m, err := b.message(k.ref)
	if err != nil {
		return timeline.Result{}, err
	}
	if m == nil {
		return disregarded("unknown_message"), nil
	}
	if m.is(flagErased) {
		return timeline.Result{Outcome: normalize.Disregarded, Reason: "erased", Message: m.id}, nil
	}
	if _, err := b.conversation(m.conversation); err != nil { // locked, as wherever a payload is changed
		return timeline.Result{}, err
	}
	p, _, err := readPayload(b.t, m.id)
	if err != nil {
		return timeline.Result{}, err
	}
	before := *p
	reason := f(p)
	r := timeline.Result{Outcome: normalize.Accepted, Message: m.id}
	switch reason {
	case "":
	case string(normalize.Duplicate):
		r.Outcome = normalize.Duplicate
		return r, nil
	default:
		r.Outcome, r.Reason = normalize.Disregarded, reason
		return r, nil
	}
	if err := writePayload(b.t, m.id, p); err != nil {
		return r, err
	}
	dropMedia(b.t, lostFiles(&before, p), in.Now)
	if typ == normalize.MessageDeleted {
		unindex(b.t, m.id)
		if _, err := forgetRaws(b.t, []normalize.ID{m.ledger}, in.Now); err != nil {
			return r, err
		}
	}
	b.t.emit(event{typ: typ, conversation: m.conversation, ref: m.id, at: in.Now})
	return r, nil
}

// edit keeps the former wording beside the new one.
func (b *batch) edit(in *ingest, e *entry, it *normalize.Edit) (timeline.Result, error) {
	at, text, html := orNow(it.At, in.Now), clean(it.Text), clean(it.HTML)
	return b.amend(in, e, normalize.MessageEdited, func(p *payload) string {
		switch {
		case !p.DeletedAt.IsZero():
			return "deleted_before"
		case p.EditedAt.Equal(at) && p.Text == text && p.HTML == html:
			return string(normalize.Duplicate)
		case p.EditedAt.After(at):
			return "older_edit"
		}
		was := p.EditedAt
		if was.IsZero() {
			was = p.ReceivedAt
		}
		p.Earlier = append(p.Earlier, wording{p.Text, p.HTML, was})
		if over := len(p.Earlier) - earlierLimit; over > 0 {
			p.Earlier = slices.Delete(p.Earlier, 1, 1+over) // the first one is what was said at first
		}
		p.Text, p.FullText, p.HTML, p.EditedAt = text, "", html, at
		if i := slices.IndexFunc(p.Parts, func(sp storedPart) bool { return sp.Kind == normalize.PartText }); i >= 0 {
			p.Parts[i].Text, p.Parts[i].HTML = text, ""
		} else if len(p.Parts) > 0 {
			p.Parts[0].Text = text // the caption of a medium
		}
		return ""
	})
}

// withdraw honours that a customer takes a message back: what it said is
// removed, that there was one stays.
func (b *batch) withdraw(in *ingest, e *entry, it *normalize.Delete) (timeline.Result, error) {
	return b.amend(in, e, normalize.MessageDeleted, func(p *payload) string {
		if !p.DeletedAt.IsZero() {
			return string(normalize.Duplicate)
		}
		p.DeletedAt = orNow(it.At, in.Now)
		p.withdraw()
		return ""
	})
}

func (b *batch) react(in *ingest, e *entry, it *normalize.Reaction) (timeline.Result, error) {
	r := *it
	r.Target, r.From, r.Emoji, r.At = "", cleanAddress(it.From), clean(it.Emoji), orNow(it.At, in.Now)
	return b.amend(in, e, normalize.MessageEdited, func(p *payload) string {
		if !p.DeletedAt.IsZero() {
			return "deleted_before"
		}
		same := func(x normalize.Reaction) bool { return x.From.Is(r.From) && (r.Emoji == "" || x.Emoji == r.Emoji) }
		had := slices.ContainsFunc(p.Reactions, same)
		if had != r.Removed {
			return string(normalize.Duplicate)
		}
		if r.Removed {
			p.Reactions = slices.DeleteFunc(slices.Clone(p.Reactions), same)
			return ""
		}
		if len(p.Reactions) >= reactionLimit {
			return "too_many_reactions"
		}
		p.Reactions = append(p.Reactions, r)
		return ""
	})
}

func orNow(t, now time.Time) time.Time {
	if t.IsZero() {
		return now.UTC().Truncate(time.Microsecond)
	}
	return t.UTC().Truncate(time.Microsecond)
}

// lockConversation is for those who change a payload outside of an ingest.
func lockConversation(t tx, id normalize.ID) error {
	_, err := one(t, `SELECT id FROM conversations WHERE id = $1 {LOCK}`, args(id), new(normalize.ID))
	return err
}

func readPayload(s session, id normalize.ID) (*payload, []byte, error) {
	var b []byte
	found, err := one(s, `SELECT payload FROM messages WHERE id = $1`, args(id), &b)
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, timeline.ErrNotFound
	}
	p, err := decodePayload(b)
	return p, b, err
}

func writePayload(t tx, id normalize.ID, p *payload) error {
	b, err := p.encode()
	if err == nil {
		t.exec(`UPDATE messages SET payload = $1 WHERE id = $2`, b, id)
	}
	return err
}

// dropMedia removes files' rows; the sweep looks whether the files themselves
// are still in use.
func dropMedia(t tx, files []storedMedia, now time.Time) {
	for _, f := range files {
		t.exec(`DELETE FROM media WHERE id = $1`, f.id)
		orphan(t, f.digest, now)
	}
}

func orphan(t tx, digest string, now time.Time) {
	if digest != "" {
		t.exec(`INSERT INTO orphans (digest, at) VALUES ($1, $2) ON CONFLICT (digest) DO UPDATE SET at = excluded.at`, digest, now)
	}
}

// forgetRaws removes the bytes of inputs, and returns the digests of the files
// that held some of them. The sweep looks whether these are still in use.
func forgetRaws(t tx, ledger []normalize.ID, now time.Time) (files map[string]bool, err error) {
	files = map[string]bool{}
	err = t.each(`SELECT encoding, digest FROM raws WHERE ledger_id = $1`, eachID(ledger), func(_ int, r row) error {
		var encoding string
		var digest []byte
		err := r.scan(&encoding, &digest)
		if encoding == timeline.RawFile {
			files[digestName(digest)] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = t.each(`SELECT digest FROM raw_files WHERE ledger_id = $1`, eachID(ledger), func(_ int, r row) error {
		var digest []byte
		err := r.scan(&digest)
		files[digestName(digest)] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	for f := range files {
		orphan(t, f, now)
	}
	for _, l := range ledger {
		t.exec(`DELETE FROM raws WHERE ledger_id = $1`, l)
		t.exec(`DELETE FROM raw_files WHERE ledger_id = $1`, l)
	}
	return files, nil
}
