package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	// indexBatch is how many messages one commit indexes: few, so that nobody
	// waits long behind it.
	indexBatch = 100
	// candidates is how many of the newest messages that may hold the words of
	// a query are looked at.
	candidates = 400
	// aroundMatch is how much is shown before what was found, in bytes.
	aroundMatch = 40
)

// indexed is how far the index of words has come. It follows the events, which
// tell in the order of commits of all that is said and changed, and works its
// way back from Back through what was said before it began.
type indexed struct {
	Seq  int64        `json:"seq"`
	Back normalize.ID `json:"back"` // 0: all is done
}

const indexedSetting = "search"

func readIndexed(s session, tail string) (at indexed, found bool, err error) {
	var b []byte
	if found, err = one(s, `SELECT value FROM settings WHERE name = '`+indexedSetting+`'`+tail, nil, &b); err != nil || !found {
		return at, false, err
	}
	return at, true, json.Unmarshal(b, &at)
}

// Index writes words of messages into the index for the search, behind the
// ingest, and returns how many messages and events it looked at; 0 where all
// is done. Words are kept as keyed hashes, so that the index tells nobody what
// was said.
func (db *DB) Index(ctx context.Context) (n int, err error) {
	var was, is indexed
	var known bool
	var ids []normalize.ID
	words := map[normalize.ID]string{}
	err = db.read(ctx, func(s session) error {
		if was, known, err = readIndexed(s, ""); err != nil {
			return err
		}
		is = was
		if n, ids, err = is.next(s, known); err != nil {
			return err
		}
		return s.each(`SELECT id, payload FROM messages WHERE id = $1`, eachID(ids), func(_ int, r row) error {
			var id normalize.ID
			var b []byte
			if err := r.scan(&id, &b); err != nil {
				return err
			}
			p, err := decodePayload(b)
			if err == nil {
				words[id] = db.hashed(text.Words(p.searched()), " ")
			}
			return err
		})
	})
	if err != nil || is == was {
		return n, err
	}
	return n, db.write(ctx, func(t tx) error {
		now, still, err := readIndexed(t, " {LOCK}")
		if err != nil {
			return err
		}
		if still != known || now != was {
			return nil // another node was faster
		}
		if err := indexMessages(t, ids, words); err != nil {
			return err
		}
		b, err := json.Marshal(is)
		if err != nil {
			return err
		}
		t.exec(`INSERT INTO settings (name, value) VALUES ('`+indexedSetting+`', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, b)
		return nil
	})
}

// ForgetIndex lets Index begin anew: events that it is to follow may go while
// nobody searches.
func (db *DB) ForgetIndex(ctx context.Context) error {
	var known bool
	if err := db.read(ctx, func(s session) (err error) {
		_, known, err = readIndexed(s, "")
		return err
	}); err != nil || !known {
		return err
	}
	return db.write(ctx, func(t tx) error {
		t.exec(`DELETE FROM settings WHERE name = '` + indexedSetting + `'`)
		return nil
	})
}

// next moves on to what is to be indexed next, and returns how many things
// were looked at.
func (at *indexed) next(s session, known bool) (n int, ids []normalize.ID, err error) {
	if !known {
		at.Back = newest(0)
		if _, err := one(s, `SELECT coalesce(max(seq), 0) FROM events`, nil, &at.Seq); err != nil {
			return 0, nil, err
		}
	}
	err = s.query(fmt.Sprintf(`SELECT seq, type, ref_id FROM events WHERE seq > $1 ORDER BY seq LIMIT %d`, indexBatch), args(at.Seq), func(r row) error {
		var typ normalize.EventType
		var ref normalize.ID
		n++
		if err := r.scan(&at.Seq, &typ, &ref); err != nil {
			return err
		}
		if isOfMessage(typ) && typ != normalize.MessageStatus {
			ids = append(ids, ref)
		}
		return nil
	})
	if err == nil && n == 0 && at.Back != 0 {
		err = s.query(fmt.Sprintf(`SELECT id FROM messages WHERE id < $1 ORDER BY id DESC LIMIT %d`, indexBatch), args(at.Back),
			func(r row) error { return scanID(r, &ids) })
		n, at.Back = len(ids), 0
		if n > 0 {
			at.Back = ids[n-1]
		}
	}
	slices.Sort(ids)
	return n, slices.Compact(ids), err
}

// indexMessages puts messages into the index in place of what is there of
// them. Those that were erased meanwhile, which the lock makes sure of, stay
// out.
func indexMessages(t tx, ids []normalize.ID, words map[normalize.ID]string) error {
	gone := map[normalize.ID]bool{}
	err := t.each(`SELECT id, flags FROM messages WHERE id = $1 {LOCK}`, eachID(ids), func(_ int, r row) error {
		var id normalize.ID
		var flags int64
		err := r.scan(&id, &flags)
		gone[id] = flags&(flagErased|flagEcho) != 0
		return err
	})
	if err != nil {
		return err
	}
	there := map[normalize.ID]bool{}
	if err := t.each(`SELECT rowid FROM word_index WHERE rowid = $1`, eachID(ids), func(i int, _ row) error {
		there[ids[i]] = true
		return nil
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if there[id] {
			t.exec(`DELETE FROM word_index WHERE rowid = $1`, id)
		}
		if w := words[id]; w != "" && !gone[id] {
			t.exec(`INSERT INTO word_index (rowid, words) VALUES ($1, {WORDVECTOR})`, id, w)
		}
	}
	return nil
}

// unindex takes a message out of the index.
func unindex(t tx, message normalize.ID) {
	t.exec(`DELETE FROM word_index WHERE rowid = $1`, message)
}

// hashed returns words as the index knows them.
func (db *DB) hashed(words []string, between string) string {
	list := make([]string, len(words))
	for i, w := range words {
		k := db.nameKey("word", w)
		list[i] = hex.EncodeToString(k[:5])
	}
	return strings.Join(list, between)
}

// searched is what of a message can be found.
func (p *payload) searched() string {
	s := []string{p.Subject, p.Text}
	if p.Text == "" {
		s = append(s, p.FullText)
	}
	for _, part := range p.Parts {
		if part.Text != p.Text {
			s = append(s, part.Text)
		}
		if part.Media != nil {
			s = append(s, part.Media.Name)
		}
	}
	return strings.Join(s, "\n")
}

// match is a message in which all words of a query are, with some of what
// stands around the first.
type match struct {
	message normalize.ID
	around  string
}

// find returns the newest message of each conversation that holds the words of
// a query, of the newest candidates.
func (db *DB) find(s session, query string) (map[normalize.ID]match, error) {
	words := text.WordsToFind(query)
	if len(words) == 0 {
		return nil, nil
	}
	var ids []normalize.ID
	err := s.query(fmt.Sprintf(`SELECT rowid FROM word_index WHERE {WORDMATCH} ORDER BY rowid DESC LIMIT %d`, candidates), args(db.hashed(words, db.eng.dialect().wordAnd)),
		func(r row) error { return scanID(r, &ids) })
	if err != nil {
		return nil, err
	}
	found := map[normalize.ID]match{}
	pieces := strings.Fields(strings.ToLower(query))
	err = s.each(`SELECT id, conversation_id, payload FROM messages WHERE id = $1`, eachID(ids), func(_ int, r row) error {
		var id, conversation normalize.ID
		var b []byte
		if err := r.scan(&id, &conversation, &b); err != nil {
			return err
		}
		if _, known := found[conversation]; known {
			return nil
		}
		p, err := decodePayload(b)
		if err != nil {
			return err
		}
		if around, ok := holds(p.searched(), pieces); ok {
			found[conversation] = match{id, around}
		}
		return nil
	})
	return found, err
}

// holds reports whether all pieces are in a text, with some of what stands
// around the first.
func holds(s string, pieces []string) (around string, ok bool) {
	lower := strings.ToLower(s)
	for _, p := range pieces {
		if !strings.Contains(lower, p) {
			return "", false
		}
	}
	if len(lower) != len(s) {
		s = lower // else places in one are not places in the other
	}
	from := max(0, strings.Index(lower, pieces[0])-aroundMatch)
	around = text.CleanLine(strings.ToValidUTF8(s[from:min(len(s), from+5*aroundMatch)], ""))
	if from > 0 {
		around = "…" + around
	}
	return around, true
}
