package e2e

import (
	"fmt"
	"slices"
)

// outcome is what is known of one message of the storm.
type outcome struct {
	questions []string // addresses of the customers on whose timelines it is
	answers   []string // likewise
	status    string   // of the answer
	arrived   []int    // the customers whom the vendor gave the answer to
}

// outcomes reads all timelines and the records of all vendors; what of them
// cannot be read yet is unread.
func (s *storm) outcomes() (all []outcome, unread int) {
	all = make([]outcome, stormMessages)
	for _, l := range s.town.Lines {
		for _, g := range l.Got() {
			words, known := s.words[g.Link]
			if !known {
				words = s.told(g)
			}
			if g.Link != "" {
				s.words[g.Link] = words
			}
			if answer, i := s.mark(words); answer && s.line(i) == l {
				all[i].arrived = append(all[i].arrived, g.Customer)
			} else {
				s.t.Errorf("a customer on %s got %q", l.Name, words)
			}
		}
	}
	customers := map[string]bool{}
	for _, e := range s.desk.received("message.received") {
		if id := e.Data.Customer.ID; !customers[id] {
			customers[id] = true
			unread += s.readTimeline(id, all)
		}
	}
	return all, unread
}

// readTimeline notes what is on the timeline of a customer, whose messages
// fit on one page, and returns how many of them cannot be read.
func (s *storm) readTimeline(customer string, all []outcome) (unread int) {
	var page struct {
		Items []message `json:"items"`
		Next  *string   `json:"next"`
	}
	s.must("GET", "/v1/customers/"+customer+"/timeline?limit=200", nil, &page)
	if page.Next != nil {
		s.t.Errorf("the timeline of %s has more than all that was written", customer)
	}
	for _, m := range page.Items {
		words, known := s.words[m.ID]
		if !known {
			var err error
			if words, err = s.said(m); err != nil {
				unread++
				continue
			}
			s.words[m.ID] = words
		}
		answer, i := s.mark(words)
		switch o := &all[i]; {
		case answer != (m.Direction == "outbound"):
			s.t.Errorf("%q is %s", m.Text, m.Direction)
		case answer:
			o.answers = append(o.answers, m.Address.Value)
			o.status = m.Parts[0].Status
		default:
			o.questions = append(o.questions, m.Address.Value)
		}
	}
	return unread
}

// asked are the channels whose vendors tell what became of a request.
var asked = []string{"email", "twilio", "slack"}

// settled reports whether no answer's state can still change: an uncertain one
// that arrived is to be found with the vendor where that can be asked.
func (s *storm) settled() bool {
	all, unread := s.outcomes()
	for i, o := range all {
		switch o.status {
		case "accepted", "delivered", "read", "failed":
		case "uncertain":
			if len(o.arrived) > 0 && slices.Contains(asked, s.line(i).Type) {
				return false
			}
		default:
			return false
		}
	}
	return unread == 0
}

// stuck counts answers that are neither sent nor given up.
const stuck = "stuck"

// compare holds the timelines against what the vendors recorded.
func (s *storm) compare() {
	t := s.t
	tally := map[string]map[string]int{} // channel, status
	uncertain := 0
	all, unread := s.outcomes()
	if unread > 0 {
		t.Errorf("%d pictures cannot be had", unread)
	}
	for i, o := range all {
		l := s.line(i)
		_, address := l.Address(s.customer(i))
		if want := []string{address}; !slices.Equal(o.questions, want) || !slices.Equal(o.answers, want) {
			t.Errorf("message %d of %s is on the timelines %q, its answer on %q", i, address, o.questions, o.answers)
		}
		if len(o.arrived) > 1 || len(o.arrived) == 1 && o.arrived[0] != s.customer(i) {
			t.Errorf("answer %d on %s, which is %s, was given to customers %v, want %d", i, l.Name, o.status, o.arrived, s.customer(i))
		}
		arrived := len(o.arrived) > 0
		switch o.status {
		case "uncertain":
			if uncertain++; arrived && slices.Contains(asked, l.Type) {
				t.Errorf("answer %d on %s arrived, and nobody found out", i, l.Name)
			}
		case "failed":
			t.Errorf("answer %d on %s failed, though nobody refused it; it arrived: %v", i, l.Name, arrived)
		case "accepted", "delivered", "read":
			if !arrived {
				t.Errorf("answer %d on %s is %s and did not arrive", i, l.Name, o.status)
			}
		default:
			if tally[l.Name][stuck] == 0 {
				t.Logf("%s: %s", l.Name, s.run("outbox", "list", "--account", l.Name, "--lane", "deliver", "--state", o.status, "--limit", "5"))
			}
			t.Errorf("answer %d on %s is %q after all that time; it arrived: %v", i, l.Name, o.status, arrived)
			o.status = stuck
		}
		if tally[l.Name] == nil {
			tally[l.Name] = map[string]int{}
		}
		if o.status == stuck {
			tally[l.Name][stuck]++
			continue
		}
		tally[l.Name][fmt.Sprintf("%s, arrived %v", o.status, arrived)]++
	}
	for _, l := range s.town.Lines {
		t.Logf("%s: %v", l.Name, tally[l.Name])
	}
	// A kill leaves open what was under way on each line.
	const underWay = 8
	if most := int(s.doubts.Load()) + stormKills*underWay*len(s.town.Lines); uncertain > most {
		t.Errorf("%d answers are uncertain, and there is reason for %d", uncertain, most)
	}
	var list struct{ Items []any }
	if s.json(&list, "ledger", "list", "--outcome", "quarantined", "--limit", "10", "--json"); len(list.Items) > 0 {
		t.Errorf("not understood: %v", list.Items)
	}
}
