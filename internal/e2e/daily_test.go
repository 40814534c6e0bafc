package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestTheDaysLimitOutlivesTheDaemon: what an account has sent in a day still
// counts after a crash.
func TestTheDaysLimitOutlivesTheDaemon(t *testing.T) {
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newMailRig(t, storeURL)
		conf, err := os.ReadFile(r.conf())
		if err != nil {
			t.Fatal(err)
		}
		limited := strings.Replace(string(conf), "save_to: Sent", "save_to: Sent, daily_messages: 2", 1)
		if err := os.WriteFile(r.conf(), []byte(limited), 0o600); err != nil || limited == string(conf) {
			t.Fatalf("the limit is not in the configuration: %v", err)
		}
		r.imap.AddUser("li@customers.test", password)
		r.start()
		ids := make([]string, 3)
		for i := range ids {
			if i == 2 {
				r.kill()
				r.start()
			}
			var sent message
			r.must("POST", "/v1/messages", map[string]any{"channel": "support", "to": "li@customers.test", "subject": "Hello", "text": "x"}, &sent)
			ids[i] = sent.ID
			if i < 2 {
				testenv.WaitFor(t, testenv.Patience, "a message within the limit to leave", func() bool {
					status, _ := r.status(sent.ID)
					return status == "accepted"
				})
			}
		}
		testenv.WaitFor(t, testenv.Patience, "the reason to be shown", func() bool {
			return strings.Contains(r.run("explain", ids[2]), "within 24 hours")
		})
		if status, _ := r.status(ids[2]); status != "queued" {
			t.Errorf("what is above the limit is %s", status)
		}
		if n := len(r.mailbox("li@customers.test", 2)); n != 2 {
			t.Errorf("%d mails have left", n)
		}
		r.stop()
	})
}
