package tencent

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/silenceper/wechat/v2/util"

	"github.com/deskbridge/deskbridge/connectors"
)

// Fresh is how far the timestamp of a call may be from our own time. The
// vendor repeats a call within seconds; what is older was recorded by somebody.
const Fresh = 5 * time.Minute

// Callback verifies and opens the vendor's calls for one account. It is pure
// and may be used by several goroutines.
type Callback struct {
	token, receiver string
	key             []byte
}

// NewCallback takes the token and EncodingAESKey of the vendor's console, and
// the receiver for whom content is encrypted: the AppID of an official account,
// the CorpID of WeCom. aesKey may be empty where calls come in plain text.
func NewCallback(token, aesKey, receiver string) Callback {
	key, _ := decodeKey(aesKey) // a wrong one is found by CheckAESKey
	return Callback{token: token, key: key, receiver: receiver}
}

// Verify checks a call's `signature`, which covers token, timestamp and nonce
// only: the body of a call in plain text is not signed. at is when the call
// came. The error is connectors.ErrForged.
func (c Callback) Verify(q url.Values, at time.Time) error {
	return c.check(q, q.Get("signature"), at)
}

// Open checks a call's `msg_signature`, which covers the ciphertext as well,
// and decrypts it. The ciphertext is what the element Encrypt holds, or the
// echostr with which WeCom verifies an address. The error is connectors.ErrForged, also
// where the content is meant for another receiver, or connectors.ErrMalformed.
func (c Callback) Open(q url.Values, ciphertext string, at time.Time) ([]byte, error) {
	if err := c.check(q, q.Get("msg_signature"), at, ciphertext); err != nil {
		return nil, err
	}
	sealed, err := base64.StdEncoding.DecodeString(ciphertext)
	if err != nil {
		return nil, fmt.Errorf("%w: the ciphertext is not base64", connectors.ErrMalformed)
	}
	if len(c.key) != aesKeyBytes {
		return nil, fmt.Errorf("%w: it is encrypted, and no encoding_aes_key is configured", connectors.ErrMalformed)
	}
	_, plain, receiver, err := util.AESDecryptMsg(sealed, c.key)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be decrypted; compare encoding_aes_key with the vendor's console", connectors.ErrMalformed)
	}
	if string(receiver) != c.receiver {
		return nil, fmt.Errorf("%w: it is meant for another receiver than %s", connectors.ErrForged, c.receiver)
	}
	return plain, nil
}

// OpenBody opens the ciphertext in the body of a call. What else stands there
// is not signed. A body without any is as forged as one that is signed wrongly.
func (c Callback) OpenBody(q url.Values, body []byte, at time.Time) ([]byte, error) {
	var e struct {
		Encrypt string `xml:"Encrypt"`
	}
	err := Unmarshal(body, &e)
	switch {
	case bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")):
		return nil, fmt.Errorf("%w: it is JSON; choose XML in the vendor's console", connectors.ErrForged)
	case err != nil || e.Encrypt == "":
		return nil, fmt.Errorf("%w: it holds nothing that could be signed; is the mode of the vendor's console that of encryption?", connectors.ErrForged)
	}
	return c.Open(q, e.Encrypt, at)
}

func (c Callback) check(q url.Values, signature string, at time.Time, signed ...string) error {
	timestamp, nonce := q.Get("timestamp"), q.Get("nonce")
	// Without delimiters between the fields, digits could be moved from one to
	// the other: seconds have ten until the year 2286.
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || len(timestamp) != 10 || c.token == "" {
		return connectors.ErrForged
	}
	want := util.Signature(append([]string{c.token, timestamp, nonce}, signed...)...)
	if subtle.ConstantTimeCompare([]byte(want), []byte(signature)) != 1 {
		return fmt.Errorf("%w: if the vendor made the call, its console has another token", connectors.ErrForged)
	}
	if age := at.Sub(time.Unix(seconds, 0)); age > Fresh || age < -Fresh {
		return fmt.Errorf("%w: its timestamp is %s away from our clock", connectors.ErrForged, age.Abs().Round(time.Second))
	}
	return nil
}
