package testenv

import (
	"slices"
	"strings"
	"testing"
)

func TestRequestTrackerServesPeople(t *testing.T) {
	r := StartRT(t)
	ann, bob := r.As("ann"), r.As("bob")
	ticket := bob.Create("Where is my order?", "It has not come.")
	picture := RTFile{Name: "label.png", Type: "image/png", Content: []byte("\x89PNG\x00\xff")}
	bob.Correspond(ticket, "It is on its way. 你好", picture)
	bob.Comment(ticket, "A difficult one.")
	ann.SetStatus(ticket, "resolved")

	r.Stop()
	if r.answers() {
		t.Fatal("it answers after Stop")
	}
	r.Start()
	var got []string
	for _, e := range ann.History(ticket) {
		got = append(got, e.Creator+" "+e.Type+" "+e.Text+" "+e.NewValue)
		if e.Type == "Correspond" && (len(e.Files) != 1 || string(e.Files[0].Content) != string(picture.Content)) {
			t.Errorf("the picture came as %+v", e.Files)
		}
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{"bob Create It has not come.", "bob Correspond It is on its way. 你好", "bob Comment A difficult one.", "ann Status  resolved"} {
		if !strings.Contains(all, want) {
			t.Errorf("the history lacks %q:\n%s", want, all)
		}
	}
	if s := ann.Ticket(ticket); s.Status != "resolved" || s.Subject != "Where is my order?" {
		t.Errorf("the ticket is %+v", s)
	}
	WaitFor(t, Patience, "RT's mail to the agent who watches the queue", func() bool {
		return slices.Contains(r.Recipients(), "ann@desk.test")
	})
}
