package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
	"github.com/deskbridge/deskbridge/connectors/simulator/zammad"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestTicketsSurviveKills: customers write and agents answer on tickets while
// the daemon is killed again and again and answers of the helpdesk are lost.
// Every question stands on its ticket once, in order; every answer was taken
// once, and reached its customer once or is known to be uncertain.
func TestTicketsSurviveKills(t *testing.T) {
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r, town := newTown(t, storeURL, vendors.Options{Only: []string{"telegram"}})
		desk := newTicketDesk(t, "zammad")
		desk.on()
		r.configure(town.Config(), desk.config())
		r.start()
		const customers, rounds, all = 8, 6, 8 * 6
		line := town.Lines[0]
		for i := range all {
			if err := line.Write(t.Context(), i%customers, fmt.Sprintf("question %02d end", i)); err != nil {
				t.Fatal(err)
			}
		}
		answered := map[string]bool{}
		answer := func() {
			for _, k := range desk.Tickets() {
				for _, a := range k.Articles {
					q := mark(a.Body, "question ")
					if q == "" || answered[q] {
						continue
					}
					answered[q] = true
					if _, err := desk.Write(k.ID, zammad.Entry{Body: "answer " + q + " end"}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		type outcome struct{ status string }
		sent := func() map[string][]outcome {
			out := map[string][]outcome{}
			if r.ready() != 200 {
				return out
			}
			latest := map[string]event{}
			for _, e := range append(r.eventsOf("message.sent"), r.eventsOf("message.status")...) {
				latest[e.Data.ID] = e
			}
			for _, e := range latest {
				q := mark(e.Data.Text, "answer ")
				for _, p := range e.Data.Parts {
					out[q] = append(out[q], outcome{p.Status})
				}
			}
			return out
		}
		done := func() bool {
			answer()
			if len(answered) < all {
				return false
			}
			o := sent()
			if len(o) < all {
				return false
			}
			for _, list := range o {
				for _, one := range list {
					if one.status == "queued" || one.status == "sending" {
						return false
					}
				}
			}
			return true
		}
		kills, end := 0, time.Now().Add(testenv.Patience)
		for kills < 6 || !done() {
			if time.Now().After(end) {
				t.Fatalf("after %d kills %d of %d questions were answered, and %d answers taken", kills, len(answered), all, len(sent()))
			}
			answer()
			if kills < 6 {
				desk.Faults.Add(fault.Fault{Kind: fault.Lose, Path: "/api/v1/ticket"}, fault.Fault{Kind: fault.Refuse, Status: 503, Path: "/api/v1/ticket"})
				time.Sleep(time.Duration(300+250*kills) * time.Millisecond) // so that each kill meets another moment
				r.kill()
				kills++
				r.start()
				continue
			}
			time.Sleep(200 * time.Millisecond)
		}
		desk.Faults.Clear()

		for _, k := range desk.Tickets() {
			var questions []string
			for _, a := range k.Articles {
				if q := mark(a.Body, "question "); q != "" {
					questions = append(questions, q)
				}
			}
			if !slices.IsSorted(questions) || len(questions) != rounds || len(slices.Compact(slices.Clone(questions))) != rounds {
				t.Errorf("ticket %q holds the questions %v, want %d in order", k.Title, questions, rounds)
			}
		}
		if n := len(desk.Tickets()); n != customers {
			t.Errorf("%d tickets for %d customers", n, customers)
		}
		got := map[string]int{}
		for _, g := range line.Got() {
			got[mark(g.Text, "answer ")]++
		}
		uncertain := 0
		for q, list := range sent() {
			if len(list) != 1 {
				t.Errorf("answer %s was taken %d times", q, len(list))
				continue
			}
			switch s := list[0].status; {
			case got[q] > 1:
				t.Errorf("answer %s reached its customer %d times", q, got[q])
			case s == "uncertain":
				uncertain++
			case got[q] != 1:
				t.Errorf("answer %s is %s and reached its customer %d times", q, s, got[q])
			}
		}
		t.Logf("%d kills, %d answers, %d uncertain, faults %v", kills, len(answered), uncertain, desk.Faults.Struck())
		r.stop()
	})
}

// mark returns the number behind a word in a text; "" for none.
func mark(text, word string) string {
	_, rest, ok := strings.Cut(text, word)
	if n, _, end := strings.Cut(rest, " end"); ok && end && len(n) == 2 {
		return n
	}
	return ""
}
