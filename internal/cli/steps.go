package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// step is one thing that happened to a message.
type step struct {
	at    time.Time
	label string
	color style
	text  string
}

// steps gathers what happened, in order of time; things of the same time stay
// in the order in which they follow from each other.
func (l Life) steps(o Options) []step {
	var s []step
	add := func(at time.Time, label string, c style, format string, args ...any) {
		if !at.IsZero() {
			s = append(s, step{at, label, c, fmt.Sprintf(format, args...)})
		}
	}
	if m := l.Message; m != nil && m.Direction == normalize.Inbound {
		add(m.SentAt, "written", plain, "by the sender's clock")
	}
	if e := l.Ledger; e != nil {
		add(e.ReceivedAt, "received", plain, "by %s", e.Account)
	}
	if m := l.Message; m != nil {
		if m.Direction == normalize.Outbound {
			by := "asked for by " + who(m)
			if m.Author == nil && l.takenOver() {
				by = "taken over from the channel"
			}
			add(m.ReceivedAt, "committed", plain, "%s, %s", by, Count(len(m.Parts), "part"))
		}
		placed := m.ReceivedAt
		if l.Ledger != nil {
			placed = l.Ledger.RecordedAt
		}
		if k := l.Link; k != nil {
			add(placed, "identity", plain, "%s is %s: %s (%s)", k.Address.Value, customerOf(m), k.Evidence, o.in(k.Since).Format(time.DateOnly))
		}
		if l.Why != "" {
			add(placed, "conversation", plain, "%s", l.Why)
		}
		add(m.EditedAt, "edited", plain, "by its author")
		add(m.DeletedAt, "deleted", plain, "by its author")
	}
	if e := l.Ledger; e != nil {
		mk := outcomeMarks[e.Outcome]
		add(e.RecordedAt, "ledger", mk.color, "%s", joined(string(e.Outcome), e.Reason))
	}
	for _, j := range l.Jobs {
		s = append(s, jobSteps(j)...)
	}
	for _, r := range l.Receipts {
		at := r.ReceivedAt
		if at.IsZero() {
			at = r.At
		}
		text := string(r.Status)
		if !r.Recipient.IsZero() {
			text += " for " + r.Recipient.Value
		}
		add(at, "receipt", statusMarks[r.Status].color, "%s", joined(text, strings.TrimSpace(r.Code+" "+r.Detail)))
	}
	slices.SortStableFunc(s, func(a, b step) int { return a.at.Compare(b.at) })
	return s
}

// takenOver reports whether somebody wrote an outbound message beside us, such
// as in the vendor's app: an input brought it, and we never had to send it.
func (l Life) takenOver() bool {
	return l.Ledger != nil && !slices.ContainsFunc(l.Jobs, func(j JobLife) bool { return j.Lane == outbox.Deliver })
}

func customerOf(m *normalize.Message) string {
	if m.Customer == nil {
		return "no customer"
	}
	return strings.TrimSpace("customer " + m.Customer.ID.String() + " " + m.Customer.Name)
}

func jobSteps(j JobLife) []step {
	verb := map[outbox.Task]string{
		outbox.TaskSend: "send by", outbox.TaskFinish: "finish on", outbox.TaskResolve: "find out on", outbox.TaskForward: "forward to", outbox.TaskRead: "read the ticket at",
		outbox.TaskFetch: "fetch a file by", outbox.TaskProfile: "ask who it is, by",
	}[j.Task]
	if j.EventType != "" {
		verb = "forward " + string(j.EventType) + " to"
	}
	s := []step{{j.CreatedAt, "queued", plain, fmt.Sprintf("%s %s (job %s)", verb, j.Account, j.ID)}}
	for _, a := range j.AttemptList {
		label := fmt.Sprintf("%s %d", j.Task, a.N)
		s = append(s, step{a.StartedAt, label, plain, j.Account + ": begun"})
		if a.EndedAt.IsZero() {
			continue
		}
		color := green
		if a.Outcome != "accepted" {
			color = red
		}
		text := joined(fmt.Sprintf("%s: %s", j.Account, a.Outcome), strings.TrimSpace(a.Code+" "+a.Detail))
		if a.ExternalID != "" {
			text += "; vendor's id " + a.ExternalID
		}
		s = append(s, step{a.EndedAt, label, color, text})
	}
	if j.State == outbox.Expired && !j.ExpiresAt.IsZero() {
		s = append(s, step{j.ExpiresAt, "expired", red, "no attempt succeeded in time"})
	}
	return s
}

func joined(s, detail string) string {
	if detail == "" {
		return s
	}
	return s + ": " + detail
}
