package store

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"github.com/deskbridge/deskbridge/normalize"
)

// nameKey stands for a vendor's name in table keys: half of a hash over the
// installation's key, so that nobody outside can make two names meet.
type nameKey [16]byte

// Namespaces of table keys, with what their ref is.
const (
	nsExternal     = "ext"   // a message, by its external id, and its fingerprint where the id alone is taken
	nsInput        = "input" // a ledger entry, by the digest of its bytes
	nsConversation = "conv"  // a conversation, by address and Thread.Key
	nsPart         = "part"  // an outbound part, by the vendor's id where each part has one
	nsIdempotency  = "once"  // table idempotency
)

func (db *DB) nameKey(ns, account string, names ...string) nameKey {
	b := append(make([]byte, 0, 256), db.key...)
	for _, s := range append([]string{ns, account}, names...) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	sum := sha256.Sum256(b)
	return nameKey(sum[:16])
}

func (db *DB) conversationKey(account string, address normalize.ID, threadKey string) nameKey {
	return db.nameKey(nsConversation, account, strconv.FormatInt(int64(address), 10), threadKey)
}

// mark is how a fingerprint is kept; 0 for none.
func mark(fingerprint string) int64 {
	if fingerprint == "" {
		return 0
	}
	sum := sha256.Sum256([]byte(fingerprint))
	return int64(binary.BigEndian.Uint64(sum[:]) >> 1)
}

// keyRow is a row of table keys.
type keyRow struct {
	ref  normalize.ID
	mark int64
}

// findKey looks one key up; nil for none, also where something waits for it.
func findKey(s session, k nameKey) (*keyRow, error) {
	var r keyRow
	found, err := one(s, `SELECT ref, mark FROM keys WHERE key = $1`, args(k[:]), &r.ref, &r.mark)
	if err != nil || !found || r.waits() {
		return nil, err
	}
	return &r, nil
}

// addKey writes a key that must be new: a second one is another node's
// message of the same name, and a conflict.
func addKey(t tx, k nameKey, r keyRow) {
	t.insert(putKey, k[:], r.ref, r.mark)
}

// setKey writes a key whose ref may change.
func setKey(t tx, k nameKey, r keyRow) {
	t.exec(putName.single, k[:], r.ref, r.mark)
}
