package kit

import (
	"encoding/json"
	"fmt"

	"github.com/emersion/go-sasl"
)

// SASLRefused is returned by XOAUTH2 and OAUTHBEARER when the server does not
// take the access token.
type SASLRefused struct{ Status string }

func (e *SASLRefused) Error() string {
	return fmt.Sprintf("the server refused the access token (status %q)", e.Status)
}

type bearer struct{ mechanism, initial string }

// XOAUTH2 is the mechanism of Google and Microsoft
// (https://developers.google.com/workspace/gmail/imap/xoauth2-protocol).
func XOAUTH2(user, accessToken string) sasl.Client {
	return &bearer{"XOAUTH2", "user=" + user + "\x01auth=Bearer " + accessToken + "\x01\x01"}
}

// OAUTHBEARER is the mechanism of RFC 7628.
func OAUTHBEARER(user, accessToken string) sasl.Client {
	return &bearer{sasl.OAuthBearer, "n,a=" + user + ",\x01auth=Bearer " + accessToken + "\x01\x01"}
}

func (b *bearer) Start() (string, []byte, error) { return b.mechanism, []byte(b.initial), nil }

// Next is called only when the server refuses: it explains itself in JSON and
// waits. Ending the exchange with an error makes the client abort, which both
// protocols allow; answering nothing would count as success in go-smtp.
func (b *bearer) Next(challenge []byte) ([]byte, error) {
	var why struct {
		Status string `json:"status"`
	}
	_ = json.Unmarshal(challenge, &why)
	if len(why.Status) > 40 {
		why.Status = why.Status[:40]
	}
	return nil, &SASLRefused{Status: why.Status}
}
