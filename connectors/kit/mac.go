// Package kit holds what several connectors need: connections that obey a
// context, OAuth 2.0 with rotating refresh tokens, SASL mechanisms for it, and
// keyed tokens.
package kit

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"strconv"
)

// tokenEncoding has lower-case letters and digits only, so that a token
// survives programs that fold case.
var tokenEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

const tokenBytes = 10 // 80 bits: 16 letters

// MAC makes and checks the keyed part of tokens that travel through strangers'
// hands and come back, such as a Message-ID.
type MAC struct{ key []byte }

// NewMAC derives a key for one purpose from the installation's secret, so that
// a token made for one purpose is worthless for another.
func NewMAC(secret []byte, purpose string) MAC {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("deskbridge/" + purpose))
	return MAC{key: h.Sum(nil)}
}

// Sum returns 16 lower-case letters and digits that only the owner of the key
// can compute for these fields.
func (m MAC) Sum(fields ...string) string {
	h := hmac.New(sha256.New, m.key)
	for _, f := range fields {
		// The length keeps ("ab", "c") apart from ("a", "bc").
		h.Write([]byte(strconv.Itoa(len(f)) + ":" + f))
	}
	return tokenEncoding.EncodeToString(h.Sum(nil)[:tokenBytes])
}

// Valid reports, in constant time, whether sum is the Sum of these fields.
func (m MAC) Valid(sum string, fields ...string) bool {
	return subtle.ConstantTimeCompare([]byte(sum), []byte(m.Sum(fields...))) == 1
}

// Nonce returns 16 random lower-case letters and digits.
func Nonce() string {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the program instead
	return tokenEncoding.EncodeToString(b[:])
}
