// Package tencent is what the simulated WeChat official account and the
// simulated WeCom share: how the vendor signs and encrypts its calls.
package tencent

import (
	"crypto/rand"
	"net/url"
	"strconv"
	"time"

	"github.com/silenceper/wechat/v2/util"
)

// Signer makes the vendor's calls for one account.
type Signer struct {
	// Token and AESKey are those of the console; Receiver is the AppID or the
	// CorpID for whom content is encrypted.
	Token, AESKey, Receiver string
}

// Sign returns the query of a call in plain text: signature, timestamp, nonce.
func (s Signer) Sign(at time.Time) url.Values {
	q := s.query(at)
	q.Set("signature", util.Signature(s.Token, q.Get("timestamp"), q.Get("nonce")))
	return q
}

// Seal encrypts plain and returns the ciphertext with the query of its call:
// msg_signature, timestamp, nonce. Its error is a wrong AESKey.
func (s Signer) Seal(plain []byte, at time.Time) (ciphertext string, q url.Values, err error) {
	b, err := util.EncryptMsg([]byte(rand.Text()[:16]), plain, s.Receiver, s.AESKey)
	if err != nil {
		return "", nil, err
	}
	q = s.query(at)
	q.Set("msg_signature", util.Signature(s.Token, q.Get("timestamp"), q.Get("nonce"), string(b)))
	return string(b), q, nil
}

func (s Signer) query(at time.Time) url.Values {
	return url.Values{"timestamp": {strconv.FormatInt(at.Unix(), 10)}, "nonce": {rand.Text()[:10]}}
}
