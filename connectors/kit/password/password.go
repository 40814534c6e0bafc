// Package password keeps passwords as argon2id hashes (RFC 9106), written as
// PHC strings: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH.
package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What Hash uses, as OWASP's password storage page advises.
const (
	memory  = 19 << 10 // KiB
	passes  = 2
	threads = 1
	saltLen = 16
	keyLen  = 32
)

// What Parse takes: a hash out of a file must not cost more than a machine has.
const (
	maxMemory  = 256 << 10 // KiB
	maxPasses  = 16
	maxThreads = 16
	maxBytes   = 64 // of salt and key each
)

// MaxLength is the longest password that is looked at, in bytes.
const MaxLength = 512

var errForm = errors.New("not an argon2id hash: deskbridge password makes one")

// Hash is a parsed hash.
type Hash struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

// New returns the PHC string of a password, under a fresh salt.
func New(password string) (string, error) {
	if password == "" || len(password) > MaxLength {
		return "", fmt.Errorf("a password has 1 to %d bytes", MaxLength)
	}
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails
	key := argon2.IDKey([]byte(password), salt, passes, memory, threads, keyLen)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, threads, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// Parse reads a PHC string. Its error never repeats the value.
func Parse(s string) (*Hash, error) {
	f := strings.Split(s, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return nil, errForm
	}
	var h Hash
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads); err != nil || n != 3 ||
		f[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.passes, h.threads) {
		return nil, errForm
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(f[4]); err != nil {
		return nil, errForm
	}
	if h.key, err = base64.RawStdEncoding.DecodeString(f[5]); err != nil {
		return nil, errForm
	}
	if h.threads < 1 || h.threads > maxThreads || h.passes < 1 || h.passes > maxPasses || h.memory < 8*uint32(h.threads) || h.memory > maxMemory ||
		len(h.salt) < 8 || len(h.salt) > maxBytes || len(h.key) < 16 || len(h.key) > maxBytes {
		return nil, errors.New("an argon2id hash with parameters out of bounds: deskbridge password makes one")
	}
	return &h, nil
}

// Is reports whether a password is the one that was hashed. It takes the
// memory that the hash names, so bound how many run at once.
func (h *Hash) Is(password string) bool {
	if len(password) > MaxLength {
		return false
	}
	key := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}
