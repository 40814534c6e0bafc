package chatwoot

import (
	"net/http"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/connectortest"
	"github.com/deskbridge/deskbridge/connectors/connectortest/helpdesktest"
)

// Every request that the suite leads to is one that Chatwoot describes, but for
// downloads and the status of a message, which the description leaves out.
func TestOurRequestsAreAsChatwootDescribesThem(t *testing.T) {
	d := connectortest.Describe(t, "chatwoot-core.json", func(r *http.Request) bool {
		return strings.HasPrefix(r.URL.Path, "/rails/") || r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/messages/")
	})
	helpdesktest.Run(t, suite(func(c *Chatwoot) {
		h := *c.deps.HTTP
		h.Transport = d.Wrap(h.Transport)
		c.rest.Use(&h)
		if err := c.Probe(t.Context()); err != nil {
			t.Error(err)
		}
	}))
	const account = "/api/v1/accounts/{account_id}/"
	d.Expect(
		"GET "+account+"inboxes", "GET "+account+"contacts/search", "POST "+account+"contacts", "GET "+account+"conversations",
		"POST "+account+"conversations", "GET "+account+"conversations/{conversation_id}", "POST "+account+"conversations/{conversation_id}/toggle_status",
		"GET "+account+"conversations/{conversation_id}/messages", "POST "+account+"conversations/{conversation_id}/messages",
	)
}
