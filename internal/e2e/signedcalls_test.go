package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/chatwoot"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
	"github.com/deskbridge/deskbridge/connectors/simulator/zendesk"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestChatwootAndZendesk: both get what customers write while their APIs fail
// in all ways, once and in order. What their agents answer arrives by signed
// calls, at the customer and at the other product; where Chatwoot's one call
// is lost, its answer comes by the pull. Notes stay inside.
func TestChatwootAndZendesk(t *testing.T) {
	t.Parallel()
	r, town := newTown(t, func(_ *testing.T, dir string) string { return "sqlite://" + filepath.Join(dir, "deskbridge.db") }, vendors.Options{Only: []string{"telegram"}})
	const secret = "a-secret-of-the-webhooks"
	c, err := chatwoot.Start(chatwoot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	z, err := zendesk.Start(zendesk.Options{RetryAfter: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(z.Close)
	for path, q := range map[string]*fault.Queue{"/messages": &c.Faults, "/tickets": &z.Faults} {
		q.Add(
			fault.Fault{Kind: fault.Lose, Path: path, Times: 2}, fault.Fault{Kind: fault.Refuse, Status: 503, Times: 2}, fault.Fault{Kind: fault.Cut},
			fault.Fault{Kind: fault.Refuse, Status: 429, RetryAfter: time.Second}, fault.Fault{Kind: fault.Refuse, Status: 502, Path: path},
		)
	}
	r.configure(town.Config(),
		fmt.Sprintf(`{name: chatwoot, type: chatwoot, url: %q, account_id: %d, inbox_id: %d, api_access_token: %s, webhook_secret: %s, poll_interval: 2s}`, c.URL(), c.Account(), c.Inbox(), c.Token(), secret),
		fmt.Sprintf(`{name: zendesk, type: zendesk, url: %q, email: %s, api_token: %s, webhook_secret: %s, poll_interval: 1h}`, z.URL(), z.Email(), z.Token(), secret))
	r.start()
	c.SetWebhook("http://"+r.listen+"/webhooks/chatwoot", secret)
	z.SetWebhook("http://"+r.listen+"/webhooks/zendesk", secret)

	const customers, rounds = 3, 3
	line := town.Line("telegram")
	for round := range rounds {
		for i := range customers {
			if err := line.Write(t.Context(), i, fmt.Sprintf("question %d of customer %d", round, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// told is what stands on the tickets of both products, in words.
	told := func() (list []string) {
		for _, k := range c.Conversations() {
			words := "chatwoot"
			for _, m := range k.Messages {
				if m.Type != "activity" {
					words += "\n" + m.Content
				}
			}
			list = append(list, words)
		}
		for _, k := range z.Tickets() {
			words := "zendesk"
			for _, m := range k.Comments {
				words += "\n" + m.Body
			}
			list = append(list, words)
		}
		return list
	}
	standing := func(words string) int { return strings.Count(strings.Join(told(), "\n"), words) }
	testenv.WaitFor(t, testenv.Patience, "all questions at both helpdesks", func() bool {
		return standing(fmt.Sprintf("question %d", rounds-1)) >= 2*customers
	})
	if n := len(told()); n != 2*customers {
		t.Errorf("%d tickets for %d customers at two helpdesks", n, customers)
	}
	for _, words := range told() {
		last := 0
		for round := range rounds {
			question := fmt.Sprintf("question %d", round)
			at := strings.Index(words, question)
			if strings.Count(words, question) != 1 || at < last {
				t.Errorf("%q is not there once and in order:\n%s", question, words)
			}
			last = at
		}
	}

	bob, eve := chatwoot.Agent{Name: "Bob"}, zendesk.Agent{Name: "Eve", Email: "eve@desk.example"}
	first, second := c.Conversations()[0].ID, z.Tickets()[1].ID
	c.Note(first, bob, "a secret of Chatwoot")
	z.Note(second, eve, "a secret of Zendesk")
	c.Answer(first, bob, "**The answer** from Chatwoot")
	z.Answer(second, eve, "The answer from Zendesk")
	c.SetWebhook("http://"+r.listen+"/webhooks/nowhere", secret)
	c.Answer(first, bob, "One more from Chatwoot")
	got := func() (texts string) {
		for _, g := range line.Got() {
			texts += fmt.Sprintf("%d: %s\n", g.Customer, g.Text)
		}
		return texts
	}
	answers := []string{"answer from Chatwoot", "answer from Zendesk", "One more from Chatwoot"}
	testenv.WaitFor(t, testenv.Patience, "the answers at the customers, and at the other helpdesk", func() bool {
		for _, a := range answers {
			plain := strings.ReplaceAll(strings.Join(told(), "\n"), "**", "")
			if !strings.Contains(got(), a) || strings.Count(plain, a) < 2 {
				return false
			}
		}
		return true
	})

	for name, header := range map[string]http.Header{"chatwoot": {}, "zendesk": {}} {
		body := []byte(`{}`)
		chatwoot.Sign(header, "another", body, time.Now())
		zendesk.Sign(header, "another", body, time.Now())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.listen+"/webhooks/"+name, strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("a stranger's call of %s: %s", name, res.Status)
		}
	}
	r.stop()
	texts := got()
	for _, a := range answers {
		if strings.Count(texts, a) != 1 {
			t.Errorf("%q not once:\n%s", a, texts)
		}
	}
	if strings.Contains(texts, "secret") || z.Mailed() != 0 {
		t.Errorf("%d mails of Zendesk's own, and this:\n%s", z.Mailed(), texts)
	}
}
