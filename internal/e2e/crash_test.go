package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

const (
	outageMails = 5000
	senders     = 200
	answers     = 500
	minKills    = 8
	pictureEach = 50
)

func sender(i int) string { return fmt.Sprintf("customer%d@customers.test", i%senders) }

// killing kills and restarts the daemon at random moments until finished says
// that the work is done and there were enough kills. It leaves it running. Once
// there were enough, each life may be longer than the one before, so that a
// slow machine gets done.
func (r *rig) killing(finished func() bool, longest time.Duration) {
	r.t.Helper()
	deadline := time.Now().Add(15 * time.Minute)
	for kills := 0; ; {
		wait := longest/20 + rand.N(longest)
		until := time.Now().Add(wait)
		for time.Now().Before(until) {
			if finished() && kills >= minKills {
				r.t.Logf("%d kills", kills)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("not finished after %d kills", kills)
		}
		r.kill()
		if kills++; kills > minKills {
			longest += longest / 4
		}
		r.startOnly()
	}
}

// What arrived while the daemon was down for ten days is on timelines once,
// though it is killed again and again while it catches up, and what agents
// answer meanwhile is delivered once or shown as uncertain.
func TestCatchUpAndAnswersSurviveKills(t *testing.T) {
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newMailRig(t, storeURL)
		r.start()
		r.stop() // the mailbox is known; now the daemon is away

		users := make([]string, senders)
		for i := range users {
			users[i] = sender(i)
		}
		r.imap.AddUsers(password, users...)
		began := time.Now().Add(-10 * 24 * time.Hour)
		pictures := map[string][]byte{} // mails with one, by subject
		for i := range outageMails {
			id, subject := fmt.Sprintf("outage-%d@customers.test", i), fmt.Sprintf("Question %d", i)
			raw := letter(sender(i), id, subject, strings.Repeat("words that people write ", 30))
			if i%pictureEach == 0 {
				raw = withPicture(sender(i), id, subject)
				pictures[subject] = raw
			}
			r.imap.DeliverAt(support, "INBOX", raw, began.Add(time.Duration(i)*2*time.Minute))
		}

		r.startOnly()
		r.killing(func() bool { return len(r.desk.received("message.received")) >= outageMails/2 }, 4*time.Second)
		testenv.WaitFor(t, testenv.Patience, "all mails at the helpdesk", func() bool {
			return len(r.desk.received("message.received")) >= outageMails
		})
		conversations := map[int]string{}
		shown := map[string]map[string]string{} // subjects of mails with a picture, by customer and message
		for _, e := range r.eventsOf("message.received") {
			var i int
			if _, err := fmt.Sscanf(e.Data.Subject, "Question %d", &i); err != nil {
				t.Fatalf("subject %q: %v", e.Data.Subject, err)
			}
			if conversations[i] != "" {
				t.Errorf("mail %d was taken in twice", i)
			}
			conversations[i] = e.Data.ConversationID
			if customer := e.Data.Customer.ID; i%pictureEach == 0 {
				if shown[customer] == nil {
					shown[customer] = map[string]string{}
				}
				shown[customer][e.Data.ID] = e.Data.Subject
			}
			if want := sender(i); e.Data.Address.Value != want {
				t.Errorf("mail %d is of %s, want %s", i, e.Data.Address.Value, want)
			}
		}
		if len(conversations) != outageMails {
			t.Fatalf("%d of %d mails were taken in", len(conversations), outageMails)
		}

		whole := 0
		for customer, messages := range shown {
			whole += r.wholeMails(customer, messages, pictures)
		}
		if whole != len(pictures) {
			t.Errorf("%d of %d raw mails with a picture are there", whole, len(pictures))
		}

		r.answerUnderFire(conversations)
	})
}

// answerUnderFire has agents answer while the daemon is killed, and counts
// what reached the customers' mailboxes.
func (r *mailRig) answerUnderFire(conversations map[int]string) {
	t := r.t
	ids := make([]string, answers)
	var done sync.WaitGroup
	for w := range 4 {
		done.Go(func() {
			for i := w; i < answers; i += 4 {
				for ids[i] == "" {
					var sent message
					status, err := r.call("POST", "/v1/conversations/"+conversations[i]+"/messages",
						map[string]any{"text": fmt.Sprintf("answer-mark-%d-end", i)}, &sent, "Idempotency-Key", fmt.Sprintf("answer-%06d", i))
					if err == nil {
						ids[i] = sent.ID
						continue
					}
					if status >= 400 && status < 500 {
						t.Errorf("answer %d was refused: %v", i, err)
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	all := make(chan struct{})
	go func() { done.Wait(); close(all) }()
	r.killing(func() bool {
		select {
		case <-all:
			return true
		default:
			return false
		}
	}, 3*time.Second)

	testenv.WaitFor(t, testenv.Patience, "the daemon to be ready", func() bool { return r.ready() == 200 })
	states := make([]string, answers)
	testenv.WaitFor(t, testenv.Patience, "every answer to have a final state", func() bool {
		for i, id := range ids {
			if states[i] != "" {
				continue
			}
			var m message
			if _, err := r.call("GET", "/v1/messages/"+id, nil, &m); err != nil {
				return false
			}
			switch s := m.Parts[0].Status; s {
			case "accepted", "delivered", "uncertain", "failed":
				states[i] = s
			default:
				return false
			}
		}
		return true
	})
	testenv.WaitFor(t, testenv.Patience, "Postfix to have delivered what it took", func() bool { return len(r.mta.Queued()) == 0 })

	got := make([]int, answers)
	for i := range senders {
		for _, raw := range r.imap.Messages(sender(i), "INBOX") {
			var n int
			_, rest, ok := strings.Cut(string(raw), "answer-mark-")
			if _, err := fmt.Sscanf(rest, "%d-end", &n); !ok || err != nil {
				t.Errorf("%s got something that no agent wrote:\n%s", sender(i), raw)
				continue
			}
			if sender(n) != sender(i) {
				t.Errorf("answer %d reached %s", n, sender(i))
			}
			got[n]++
		}
	}
	uncertain := 0
	for i, n := range got {
		switch {
		case n > 1:
			t.Errorf("answer %d was delivered %d times", i, n)
		case states[i] == "failed":
			t.Errorf("answer %d failed, and arrived %d times", i, n)
		case states[i] == "uncertain":
			uncertain++
		case n == 0:
			t.Errorf("answer %d is %s and did not arrive", i, states[i])
		}
	}
	t.Logf("%d answers, %d of them uncertain", answers, uncertain)
	if uncertain > answers/4 {
		t.Errorf("%d of %d answers are uncertain: that is no way to work", uncertain, answers)
	}
}
