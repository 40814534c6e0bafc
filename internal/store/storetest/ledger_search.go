package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

func ledgerSearch(t *testing.T, h *harness) {
	day := 24 * time.Hour
	for i, key := range []string{"Inbox/1", "inbox/2", "sent_3", "inbox/4"} {
		e := h.entry(key, h.msg("ann@example.com", fmt.Sprint("text ", i)))
		want := normalize.Accepted
		if i == 1 {
			e.Outcome, e.Reason, want = normalize.Disregarded, "not for us", normalize.Disregarded
		}
		h.take(want, e)
		h.now = h.now.Add(day)
	}
	all, _, err := h.db.SearchLedger(h.ctx(), timeline.LedgerSearch{})
	h.must(err)
	if len(all) != 4 {
		t.Fatalf("%d entries", len(all))
	}
	for _, c := range []struct {
		f    timeline.LedgerSearch
		want string
	}{
		{timeline.LedgerSearch{}, "inbox/4 sent_3 inbox/2 Inbox/1"},
		{timeline.LedgerSearch{Key: "INBOX/"}, "inbox/4 inbox/2 Inbox/1"},
		{timeline.LedgerSearch{Key: "_"}, "sent_3"},
		{timeline.LedgerSearch{Reason: "FOR us"}, "inbox/2"},
		{timeline.LedgerSearch{Outcome: normalize.Disregarded}, "inbox/2"},
		{timeline.LedgerSearch{Outcome: normalize.Accepted, Key: "inbox"}, "inbox/4 Inbox/1"},
		{timeline.LedgerSearch{Account: "support"}, "inbox/4 sent_3 inbox/2 Inbox/1"},
		{timeline.LedgerSearch{Account: "sms"}, ""},
		{timeline.LedgerSearch{Since: all[2].RecordedAt, Until: all[0].RecordedAt}, "sent_3 inbox/2"},
	} {
		for _, c.f.Limit = range []int{1, 2, 50} {
			var keys []string
			for c.f.After = 0; ; {
				list, next, err := h.db.SearchLedger(h.ctx(), c.f)
				h.must(err)
				for _, l := range list {
					keys = append(keys, l.Key)
				}
				if c.f.After = next; next == 0 {
					break
				}
			}
			if have := strings.Join(keys, " "); have != c.want {
				t.Errorf("%+v: %q, want %q", c.f, have, c.want)
			}
		}
	}
}
