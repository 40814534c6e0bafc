package cli

import (
	"fmt"
	"slices"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// Advise returns what could be done about a message now. paused tells why an
// account, or everything (under ""), is paused.
func Advise(l Life, o Options, paused map[string]string) []Advice {
	var out []Advice
	add := func(command, format string, args ...any) {
		out = append(out, Advice{What: fmt.Sprintf(format, args...), Command: command})
	}
	if e := l.Ledger; e != nil && e.Outcome == normalize.Quarantined {
		if e.RawKept {
			add("deskbridge ledger show "+e.ID.String()+" --raw", "see what came")
			add("deskbridge ledger replay "+e.ID.String(), "once the decoder is mended, run the input again")
		} else {
			add("", "the raw input is no longer kept: ask the sender to send it again")
		}
	}
	told := map[string]bool{}
	for _, j := range l.Jobs {
		if j.State == outbox.Queued {
			for _, scope := range []string{"", j.Account} {
				reason, ok := paused[scope]
				if !ok || told[scope] {
					continue
				}
				told[scope] = true
				name, command := "account "+scope, "deskbridge outbox resume "+scope
				if scope == "" {
					name, command = "the whole outbox", "deskbridge outbox resume --all"
				}
				add(command, "%s is paused (%s): resume it when the cause is gone", name, reason)
			}
		}
		retry := "deskbridge outbox retry " + j.ID.String()
		switch j.State {
		case outbox.Failed:
			add(retry, "the %s by %s failed: mend the cause, then try again", j.Task, j.Account)
		case outbox.Expired:
			add(retry, "the %s by %s waited too long: try again", j.Task, j.Account)
		case outbox.Cancelled:
			add(retry, "the %s by %s was cancelled: take that back", j.Task, j.Account)
		case outbox.Done:
			if slices.ContainsFunc(j.Settled, func(r outbox.SettledRecipient) bool { return r.Status == normalize.StatusFailed }) {
				add(retry, "some recipients did not get it: try again with those alone")
			}
		case outbox.Uncertain:
			add(retry, "%s may have it or not: look there first, since trying again may send it twice", j.Account)
		case outbox.Queued:
			if j.DueAt.After(o.Now) {
				add("deskbridge outbox cancel "+j.ID.String(), "the next try by %s is %s: wait, or give up", j.Account, o.Ago(j.DueAt))
			}
		}
	}
	return out
}
