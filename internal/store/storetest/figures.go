package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// figures: what the channels took in and sent, how long customers waited.
func figures(t *testing.T, h *harness) {
	// Ids grow for the whole process; the figures go by their times.
	h.now = normalize.NewID(h.now).Time().Truncate(24*time.Hour).AddDate(0, 0, 1)
	first := h.now
	begin := func(who string) *normalize.Conversation {
		return h.conversation(h.place(h.msg(who, "hello")).ConversationID)
	}
	after := func(d time.Duration) { h.now = h.now.Add(d) }
	note := func(c *normalize.Conversation) {
		r := h.answer(c, "", "a note")
		r.Message.Note, r.Jobs = true, nil
		_, _, err := h.db.Reply(h.ctx(), r)
		h.must(err)
	}
	// Ten are answered after one to ten minutes each; a note is no answer.
	var answered []*normalize.Conversation
	for i := range 10 {
		c := begin(string(rune('a'+i)) + "@example.com")
		after(time.Minute / 2)
		note(c)
		after(time.Duration(i)*time.Minute + time.Minute/2)
		h.reply(c, "", "an answer")
		after(time.Second)
		h.reply(c, "", "one more")
		answered = append(answered, c)
	}
	second := first.AddDate(0, 0, 1)
	h.now = second.Add(time.Hour)
	for _, c := range answered[:2] {
		after(time.Hour)
		h.reply(c, "", "bye")
		_, err := h.db.SetConversation(h.ctx(), c.ID, normalize.Closed, h.now.Add(time.Millisecond))
		h.must(err)
	}
	ours := h.msg("ours@example.com", "may we ask?", func(m *normalize.Message) { m.Direction = normalize.Outbound })
	h.place(ours) // nobody waited for that
	after(time.Minute)
	asked := h.now
	h.place(h.msg("ours@example.com", "please do", func(m *normalize.Message) { m.Thread.References = []string{ours.ExternalID} }))
	after(time.Minute)
	waits := begin("waits@example.com")
	after(time.Minute)
	note(waits)
	begin("waits-too@example.com")
	h.place(h.msg(answered[5].Address.Value, "and another thing"))

	third := second.AddDate(0, 0, 1)
	traffic, err := h.db.Traffic(h.ctx(), []time.Time{first.AddDate(0, 0, -1), first, second, third})
	h.must(err)
	if want := [][]timeline.Traffic{nil, {{Channel: "support", In: 10, Out: 20}}, {{Channel: "support", In: 4, Out: 3}}}; !reflect.DeepEqual(traffic, want) {
		t.Errorf("traffic %+v, want %+v", traffic, want)
	}
	near := func(have, want time.Duration) bool { return (have - want).Abs() < time.Second/10 }
	waited, err := h.db.FirstAnswers(h.ctx(), first)
	h.must(err)
	if len(waited) != 1 || waited[0].Channel != "support" || waited[0].Count != 10 || !near(waited[0].Median, 5*time.Minute) || !near(waited[0].P90, 9*time.Minute) {
		t.Errorf("first answers %+v", waited)
	}
	if waited, err = h.db.FirstAnswers(h.ctx(), second); err != nil || len(waited) != 0 {
		t.Errorf("first answers of the second day %+v, %v", waited, err)
	}
	took, err := h.db.Resolutions(h.ctx(), second)
	h.must(err)
	if len(took) != 1 || took[0].Count != 2 || !near(took[0].Median, 26*time.Hour) || !near(took[0].P90, 27*time.Hour-61*time.Second) {
		t.Errorf("resolutions %+v", took)
	}
	backlog, err := h.db.Backlog(h.ctx())
	h.must(err)
	if len(backlog) != 1 || backlog[0].Channel != "support" || backlog[0].Count != 4 || backlog[0].Since.Sub(asked).Abs() > time.Second {
		t.Errorf("backlog %+v, want 4 since %v", backlog, asked)
	}
}
