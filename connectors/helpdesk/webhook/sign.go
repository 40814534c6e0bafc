package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a call, as the Standard Webhooks specification names them.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

const (
	secretPrefix    = "whsec_"
	signaturePrefix = "v1,"
	minSecret       = 24 // bytes, by the specification
	maxSecret       = 64
	// tolerance is how far the clocks of both sides may differ.
	tolerance = 5 * time.Minute
)

// Refusals of Verify.
var (
	ErrUnsigned  = errors.New("webhook-id, webhook-timestamp or webhook-signature is missing or not well formed")
	ErrStale     = errors.New("the timestamp is more than five minutes off")
	ErrSignature = errors.New("no signature matches")
)

// parseSecrets reads one or several secrets, separated by spaces. Its errors
// never repeat them.
func parseSecrets(s string) ([][]byte, error) {
	var keys [][]byte
	for i, field := range strings.Fields(s) {
		encoded, ok := strings.CutPrefix(field, secretPrefix)
		if !ok {
			return nil, fmt.Errorf("secret %d must begin with %s", i+1, secretPrefix)
		}
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("secret %d must be base64 after %s", i+1, secretPrefix)
		}
		if len(key) < minSecret || len(key) > maxSecret {
			return nil, fmt.Errorf("secret %d has %d bytes; make one of %d to %d: echo %s$(openssl rand -base64 32)",
				i+1, len(key), minSecret, maxSecret, secretPrefix)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("a secret is needed: echo " + secretPrefix + "$(openssl rand -base64 32)")
	}
	return keys, nil
}

func mac(key []byte, id, timestamp string, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id + "." + timestamp + "."))
	m.Write(body)
	return m.Sum(nil)
}

// sign returns the value of webhook-signature: one signature for each secret.
func sign(keys [][]byte, id string, at time.Time, body []byte) string {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(keys))
	for i, key := range keys {
		signatures[i] = signaturePrefix + base64.StdEncoding.EncodeToString(mac(key, id, timestamp, body))
	}
	return strings.Join(signatures, " ")
}

// Verify is the receiving side: whether a call with this header and body was
// signed with secret (or one of several, separated by spaces) no more than
// five minutes from now.
func Verify(secret string, header http.Header, body []byte, now time.Time) error {
	keys, err := parseSecrets(secret)
	if err != nil {
		return err
	}
	id, timestamp, signatures := header.Get(HeaderID), header.Get(HeaderTimestamp), header.Get(HeaderSignature)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" || signatures == "" {
		return ErrUnsigned
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return ErrStale
	}
	for signature := range strings.FieldsSeq(signatures) {
		// Other versions stand beside v1 and are not ours to judge.
		encoded, ok := strings.CutPrefix(signature, signaturePrefix)
		if !ok {
			continue
		}
		got, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			continue
		}
		for _, key := range keys {
			if hmac.Equal(got, mac(key, id, timestamp, body)) {
				return nil
			}
		}
	}
	return ErrSignature
}
