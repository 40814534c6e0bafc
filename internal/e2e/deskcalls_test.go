package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/freshdesk"
	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
	"github.com/deskbridge/deskbridge/connectors/simulator/zammad"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestHelpdesksThatCall: two products that call us when agents write, and are
// not asked by themselves here. Both fail in all ways while customers write;
// then everything stands there once and in order. Public answers reach the
// customer and the other product, notes do not, and strangers' calls do nothing.
func TestHelpdesksThatCall(t *testing.T) {
	t.Parallel()
	r, town := newTown(t, func(_ *testing.T, dir string) string { return "sqlite://" + filepath.Join(dir, "deskbridge.db") }, vendors.Options{Only: []string{"telegram"}})
	const secret = "a-secret-of-the-webhooks"
	z, err := zammad.Start(zammad.Options{
		Token: ticketToken, Hook: "http://" + r.listen + "/webhooks/zammad", HookSecret: secret, RetryAfter: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(z.Close)
	f, err := freshdesk.Start(freshdesk.Options{
		APIKey: "freshdesk-key", Hook: "http://" + r.listen + "/webhooks/freshdesk", Secret: secret, Basic: true, RetryAfter: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	for _, q := range []*fault.Queue{&z.Faults, &f.Faults} {
		q.Add(
			fault.Fault{Kind: fault.Lose, Path: "/tickets", Times: 2}, fault.Fault{Kind: fault.Refuse, Status: 503, Times: 2}, fault.Fault{Kind: fault.Cut},
			fault.Fault{Kind: fault.Refuse, Status: 429, RetryAfter: time.Second}, fault.Fault{Kind: fault.Refuse, Status: 502, Path: "/tickets"},
		)
	}
	r.configure(town.Config(),
		fmt.Sprintf(`{name: zammad, type: zammad, url: %q, token: %s, webhook_secret: %s, poll_interval: 1h}`, z.URL(), ticketToken, secret),
		fmt.Sprintf(`{name: freshdesk, type: freshdesk, url: %q, api_key: freshdesk-key, webhook_secret: %s, poll_interval: 1h}`, f.URL(), secret))
	r.start()

	const customers, rounds = 3, 3
	line := town.Line("telegram")
	for round := range rounds {
		for i := range customers {
			if err := line.Write(t.Context(), i, fmt.Sprintf("question %d of customer %d", round, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// told is what stands on the tickets of each product, in words.
	told := func() (inZammad, inFreshdesk []string) {
		for _, k := range z.Tickets() {
			words := ""
			for _, a := range k.Articles {
				words += "\n" + a.Body
			}
			inZammad = append(inZammad, words)
		}
		for _, k := range f.Tickets() {
			words := k.Description
			for _, c := range k.Conversations {
				words += "\n" + c.Body
			}
			inFreshdesk = append(inFreshdesk, words)
		}
		return inZammad, inFreshdesk
	}
	last := fmt.Sprintf("question %d", rounds-1)
	testenv.WaitFor(t, testenv.Patience, "all questions at both helpdesks", func() bool {
		a, b := told()
		return strings.Count(strings.Join(a, ""), last) >= customers && strings.Count(strings.Join(b, ""), last) >= customers
	})
	a, b := told()
	if len(a) != customers || len(b) != customers {
		t.Errorf("%d and %d tickets for %d customers", len(a), len(b), customers)
	}
	for _, words := range slices.Concat(a, b) {
		for round := range rounds {
			if n := strings.Count(words, fmt.Sprintf("question %d", round)); n != 1 {
				t.Errorf("question %d stands %d times on a ticket:\n%s", round, n, words)
			}
		}
		if first, second := strings.Index(words, "question 0"), strings.Index(words, "question 1"); second < first || strings.Index(words, last) < second {
			t.Errorf("not in order:\n%s", words)
		}
	}

	agent := zammad.Entry{Body: "<b>The answer</b> from Zammad", Files: []zammad.Attachment{{Name: "map.txt", ContentType: "text/plain", Content: []byte("a map")}}}
	if _, err := z.Write(z.Tickets()[0].ID, zammad.Entry{Body: "a secret of Zammad", Internal: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(z.Tickets()[0].ID, agent); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(f.Tickets()[1].ID, freshdesk.Entry{Body: "<p>a secret of Freshdesk</p>", Private: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(f.Tickets()[1].ID, freshdesk.Entry{Body: "<p>The answer from Freshdesk</p>"}); err != nil {
		t.Fatal(err)
	}
	got := func() (texts string) {
		for _, g := range line.Got() {
			texts += fmt.Sprintf("%d: %s\n", g.Customer, g.Text)
		}
		return texts
	}
	testenv.WaitFor(t, testenv.Patience, "both answers at the customers", func() bool {
		return strings.Contains(got(), "from Zammad") && strings.Contains(got(), "from Freshdesk")
	})
	testenv.WaitFor(t, testenv.Patience, "each answer at the other helpdesk", func() bool {
		a, b := told()
		return strings.Contains(strings.Join(a, ""), "from Freshdesk") && strings.Contains(strings.Join(b, ""), "from Zammad")
	})

	for name, header := range map[string]http.Header{
		"zammad":    {"X-Hub-Signature": {zammad.Sign("another", []byte(`{"ticket":{"id":1}}`))}},
		"freshdesk": {"Authorization": {freshdesk.Basic("deskbridge", "another")}},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.listen+"/webhooks/"+name, strings.NewReader(`{"ticket":{"id":1}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		req.Header.Set("Content-Type", "application/json")
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
	for _, answer := range []string{"from Zammad", "from Freshdesk"} {
		if strings.Count(texts, answer) != 1 {
			t.Errorf("%q not once:\n%s", answer, texts)
		}
	}
	if strings.Contains(texts, "secret") {
		t.Errorf("a note went out:\n%s", texts)
	}
	if z.Mailed()+f.Mailed() != 0 {
		t.Errorf("the products wrote to customers themselves: %d and %d times", z.Mailed(), f.Mailed())
	}
}
