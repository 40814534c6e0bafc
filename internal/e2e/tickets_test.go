package e2e

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
	"github.com/deskbridge/deskbridge/connectors/simulator/zammad"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// ticketDesk is a simulated Zammad that can be switched off and on.
type ticketDesk struct {
	*zammad.Server
	t    *testing.T
	name string
	addr string
	http *http.Server
}

const ticketToken = "zammad-token-of-the-tests"

func newTicketDesk(t *testing.T, name string) *ticketDesk {
	t.Helper()
	d := &ticketDesk{Server: zammad.New(zammad.Options{Token: ticketToken}), t: t, name: name, addr: freeAddr(t)}
	t.Cleanup(func() {
		d.off()
		d.Close()
		if n := d.Mailed(); n > 0 {
			t.Errorf("%s itself wrote to customers %d times", name, n)
		}
	})
	return d
}

func (d *ticketDesk) config() string {
	return fmt.Sprintf(`{name: %s, type: zammad, url: "http://%s", token: %s, group: Users, webhook_secret: sides-of-the-tests, poll_interval: 1s}`, d.name, d.addr, ticketToken)
}

func (d *ticketDesk) on() {
	d.t.Helper()
	l, err := net.Listen("tcp", d.addr)
	if err != nil {
		d.t.Fatal(err)
	}
	d.http = &http.Server{Handler: d.Server, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = d.http.Serve(l) }()
}

func (d *ticketDesk) off() {
	if d.http != nil {
		_ = d.http.Close()
		d.http = nil
	}
}

// story is all that agents see, in words: tickets by their titles.
func (d *ticketDesk) story() (list []string) {
	tickets := d.Tickets()
	slices.SortFunc(tickets, func(a, b zammad.Ticket) int { return cmp.Compare(a.Title, b.Title) })
	for _, k := range tickets {
		line := k.Title + " [" + k.State + "] of " + k.Customer.Name()
		for _, a := range k.Articles {
			line += fmt.Sprintf("\n  %s internal=%t %s", a.Sender, a.Internal, strings.Join(strings.Fields(a.Body), " "))
			for _, f := range a.Attachments {
				line += " +" + f.Name
			}
		}
		list = append(list, line)
	}
	return list
}

// articles counts what stands on all tickets.
func (d *ticketDesk) articles() (n int) {
	for _, k := range d.Tickets() {
		n += len(k.Articles)
	}
	return n
}

// TestTwoHelpdesksAndAThird: two helpdesks side by side, one of them down,
// which keeps nothing from the other; it catches up when it is back. A third
// one is given the history, and has the same tickets then.
func TestTwoHelpdesksAndAThird(t *testing.T) {
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r, town := newTown(t, storeURL, vendors.Options{Only: []string{"telegram", "twilio"}})
		first, second, third := newTicketDesk(t, "first"), newTicketDesk(t, "second"), newTicketDesk(t, "third")
		first.on()
		r.configure(town.Config(), first.config(), second.config())
		r.start()

		const customers = 6
		for round := range 2 {
			for i := range customers {
				l := town.Lines[i%len(town.Lines)]
				if err := l.Write(t.Context(), i, fmt.Sprintf("question %d of customer %d", round, i)); err != nil {
					t.Fatal(err)
				}
			}
			r.await("message.received", (round+1)*customers)
		}
		testenv.WaitFor(t, testenv.Patience, "all questions at the helpdesk that is up", func() bool { return first.articles() == 2*customers })
		if n := len(second.Tickets()); n != 0 {
			t.Fatalf("the helpdesk that is down has %d tickets", n)
		}

		// An agent of the first answers; the second hears of it as of a colleague's.
		k := first.Tickets()[0]
		if _, err := first.Write(k.ID, zammad.Entry{Agent: zammad.Agent{Name: "Anna Berg", Email: "anna@desk.test"}, Body: "the answer of the first helpdesk"}); err != nil {
			t.Fatal(err)
		}
		answered := func() (n int) {
			for _, l := range town.Lines {
				for _, g := range l.Got() {
					if g.Text == "the answer of the first helpdesk" {
						n++
					}
				}
			}
			return n
		}
		testenv.WaitFor(t, testenv.Patience, "the answer at the customer", func() bool { return answered() > 0 })
		// Without that the kill could leave it uncertain, on which there is a remark.
		testenv.WaitFor(t, testenv.Patience, "word that it was accepted", func() bool {
			return slices.ContainsFunc(r.desk.received("message.status"), func(e event) bool { return e.Data.Change.Status == "accepted" })
		})

		r.kill() // what waits for the second survives that
		r.start()
		second.on()
		testenv.WaitFor(t, testenv.Patience, "the second helpdesk to catch up", func() bool { return second.articles() == 2*customers+1 })
		r.run("helpdesk", "compare", "first", "second", "--since", "1h")

		// The third is empty, and is given the history of all that the second was told.
		third.on()
		r.configure(town.Config(), first.config(), second.config(), third.config())
		r.stop()
		r.start()
		r.run("helpdesk", "replay", "third", "--since", "1h")
		r.run("helpdesk", "replay", "third", "--since", "1h") // once more changes nothing
		testenv.WaitFor(t, testenv.Patience, "the history at the third helpdesk", func() bool { return third.articles() == 2*customers+1 })
		live, loaded := second.story(), third.story()
		if !slices.Equal(live, loaded) {
			t.Errorf("live forwarding made\n%s\nand the replay\n%s", strings.Join(live, "\n"), strings.Join(loaded, "\n"))
		}
		if len(live) != customers {
			t.Errorf("%d tickets for %d customers", len(live), customers)
		}
		for _, s := range live {
			one, two := strings.Index(s, "question 0"), strings.Index(s, "question 1")
			if one < 0 || two < one {
				t.Errorf("not in order: %s", s)
			}
		}
		// Nothing came back from any of them: all that stands before a note has
		// been read when the note has.
		for _, d := range []*ticketDesk{first, second, third} {
			for _, k := range d.Tickets() {
				if _, err := d.Write(k.ID, zammad.Entry{Body: "a note at " + d.name, Internal: true}); err != nil {
					t.Fatal(err)
				}
			}
		}
		const notes = 3 * customers
		r.await("message.sent", 1+notes)
		if n := answered(); n != 1 {
			t.Errorf("the answer reached its customer %d times", n)
		}
		for _, e := range r.eventsOf("message.sent") {
			if e.Data.Text != "the answer of the first helpdesk" && !strings.HasPrefix(e.Data.Text, "a note at ") {
				t.Errorf("our own words came back: %q", e.Data.Text)
			}
		}
		r.stop()
	})
}
