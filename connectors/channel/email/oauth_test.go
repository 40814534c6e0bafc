package email

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
)

// TestLoginWithAccessTokens: the token that the store has was withdrawn before
// its time; one refresh gets another, for IMAP and SMTP together.
func TestLoginWithAccessTokens(t *testing.T) {
	var refreshes atomic.Int32
	issue := atomic.Value{}
	issue.Store("stale")
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := refreshes.Add(1)
		fmt.Fprintf(w, `{"access_token":%q,"refresh_token":"r%d","expires_in":3600}`, issue.Load(), n)
	}))
	defer tokens.Close()
	e, s := onSimulator(t, func(c *Config) {
		c.IMAP.Password, c.SMTP.Password = "", ""
		c.IMAP.OAuth2 = &OAuth2{TokenURL: tokens.URL, ClientID: "id", RefreshToken: configs.Secret("r0")}
		c.SMTP.OAuth2 = &OAuth2{TokenURL: tokens.URL, ClientID: "id", RefreshToken: configs.Secret("r0")}
	})
	// Refused although new: the account is down, and nothing is tried for ever.
	_, err := e.Probe(t.Context())
	if got := connectors.Classify(err); got.Class != connectors.AccountDown || refreshes.Load() != 2 {
		t.Fatalf("%v after %d refreshes", err, refreshes.Load())
	}
	if strings.Contains(err.Error(), "stale") {
		t.Error("the error tells the token")
	}
	issue.Store("good")
	if _, err := e.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Send(t.Context(), outbound(t, e, nil, textPart("Hello"))); err != nil {
		t.Fatal(err)
	}
	if n := refreshes.Load(); n != 3 {
		t.Errorf("%d refreshes, want one more than the two that gave nothing", n)
	}
	if len(s.Inbox(anna)) != 1 {
		t.Error("the mail is not there")
	}
}
