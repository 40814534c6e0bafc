package timeline

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// Links are addresses under which anybody who has one can fetch a file for a
// time: for customers on channels that cannot carry it, and for vendors who
// fetch what they are to send.
type Links struct {
	// PublicURL has no slash at its end; there are no links without it.
	PublicURL string
	// Key is the installation's own.
	Key []byte
	// TTL is how long a link is good for.
	TTL time.Duration
}

// LinkPath is where the links lead, below PublicURL.
const LinkPath = "/files/"

const (
	linkBody = 12 // bytes: the file's id, and the time in seconds
	linkMAC  = 16
)

// Link returns the address of a file and how long it is good for; "" where
// there is no public URL.
func (l Links) Link(file normalize.ID, now time.Time) (url string, until time.Time) {
	if l.PublicURL == "" {
		return "", time.Time{}
	}
	until = now.Add(l.TTL).UTC().Truncate(time.Second)
	token := make([]byte, 0, linkBody+linkMAC)
	token = binary.BigEndian.AppendUint64(token, uint64(file))
	token = binary.BigEndian.AppendUint32(token, uint32(until.Unix()))
	token = append(token, l.mac(token)...)
	return l.PublicURL + LinkPath + base64.RawURLEncoding.EncodeToString(token), until
}

// File returns the file that the last element of a link's path names, and when
// the link ends; false where it is none of ours.
func (l Links) File(token string) (file normalize.ID, until time.Time, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != linkBody+linkMAC || !hmac.Equal(b[linkBody:], l.mac(b[:linkBody])) {
		return 0, time.Time{}, false
	}
	return normalize.ID(binary.BigEndian.Uint64(b)), time.Unix(int64(binary.BigEndian.Uint32(b[8:])), 0).UTC(), true
}

func (l Links) mac(body []byte) []byte {
	h := hmac.New(sha256.New, l.Key)
	h.Write([]byte("file link\x00"))
	h.Write(body)
	return h.Sum(nil)[:linkMAC]
}
