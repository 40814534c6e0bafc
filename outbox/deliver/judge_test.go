package deliver

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

func mail(names string) (list []normalize.Address) {
	for n := range strings.FieldsSeq(names) {
		list = append(list, normalize.Email(n+"@example.com", ""))
	}
	return list
}

func TestAClosedWindowIsNoDeadAddress(t *testing.T) {
	until := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	to := mail("a")
	for _, window := range []*normalize.ReplyWindow{nil, {Until: until, Remaining: 2}} {
		r := &request{
			Outbound: &channel.Outbound{Message: &normalize.Message{ReplyWindow: window}, Recipients: to}, send: &outbox.Job{}, all: to,
		}
		err := &connectors.Error{Class: connectors.Unreachable, Code: "45047", Closed: true}
		res := judge(r, nil, channel.Sent{}, err)
		if res.Err != err || len(res.Unreachable) > 0 || (window != nil) != res.Closed.Equal(until) {
			t.Errorf("in the window %+v: %+v", window, res)
		}
		res = judge(r, nil, channel.Sent{Closed: true}, nil) // a template carried it
		if res.Err != nil || (window != nil) != res.Closed.Equal(until) {
			t.Errorf("sent in another way in the window %+v: %+v", window, res)
		}
	}
}

func words(c connectors.Class) *connectors.Error { return connectors.Errorf(c, "", "%s", c) }

func TestEachRecipientIsJudgedByItself(t *testing.T) {
	const (
		amb  = connectors.Ambiguous
		tra  = connectors.Transient
		thr  = connectors.Throttled
		down = connectors.AccountDown
		rej  = connectors.Rejected
		unr  = connectors.Unreachable
		ok   = connectors.Class(-1)
	)
	type who map[string]connectors.Class
	for _, c := range []struct {
		name    string
		all     string
		before  who // settled by earlier tries
		request connectors.Class
		results who // those that the vendor named

		class    connectors.Class // ok: no error is left
		accepted string           // settled by this try
		failed   string
		flagged  string
	}{
		{name: "one, accepted", all: "a", request: ok, class: ok},
		{name: "one, refused", all: "a", request: rej, class: rej},
		{name: "one, unreachable", all: "a", request: unr, class: unr, flagged: "a"},
		{name: "one, refused in the results only", all: "a", request: ok, results: who{"a": unr}, class: unr, flagged: "a"},
		{name: "all accepted", all: "a b c", request: ok, class: ok, accepted: "a b c"},
		{name: "one of three refused", all: "a b c", request: ok, results: who{"b": rej}, class: ok, accepted: "a c", failed: "b"},
		{name: "one of three to try again", all: "a b c", request: ok, results: who{"b": tra}, class: tra, accepted: "a c"},
		{name: "the rest is refused: it went out to some", all: "a b", before: who{"a": ok}, request: unr, results: who{"b": unr}, class: ok, failed: "b", flagged: "b"},
		{name: "the rest accepted after one was refused", all: "a b", before: who{"a": rej}, request: ok, class: ok, accepted: "b"},
		{name: "all refused, one by one", all: "a b", request: ok, results: who{"a": rej, "b": unr}, class: rej, failed: "a b", flagged: "b"},
		{name: "the whole request refused: no address is to blame", all: "a b", request: unr, class: unr, failed: "a b"},
		{name: "the whole request lost after one had been refused", all: "a b c", request: amb, results: who{"c": rej}, class: amb, failed: "c"},
		{name: "unknown outweighs later", all: "a b c", request: ok, results: who{"a": tra, "b": amb, "c": thr}, class: amb},
		{name: "the account outweighs one recipient", all: "a b", request: ok, results: who{"a": tra, "b": down}, class: down},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &request{Outbound: &channel.Outbound{}, send: &outbox.Job{}, all: mail(c.all)}
			for _, a := range r.all {
				name, _, _ := strings.Cut(a.Value, "@")
				if class, done := c.before[name]; done {
					status := normalize.StatusFailed
					if class == ok {
						status = normalize.StatusAccepted
					}
					r.send.Settled = append(r.send.Settled, outbox.SettledRecipient{Address: a, Status: status})
					continue
				}
				r.Recipients = append(r.Recipients, a)
			}
			var sent channel.Sent
			for name, class := range c.results {
				sent.Recipients = append(sent.Recipients, channel.RecipientResult{Address: mail(name)[0], Err: words(class)})
			}
			var err *connectors.Error
			if c.request != ok {
				err = words(c.request)
			}
			res := judge(r, nil, sent, err)
			if got := res.Err; (got == nil) != (c.class == ok) || got != nil && got.Class != c.class {
				t.Errorf("left: %v, want class %v", got, c.class)
			}
			settled := func(s normalize.Status) (list []normalize.Address) {
				for _, x := range res.Settled {
					if x.Status == s {
						list = append(list, x.Address)
					}
				}
				return list
			}
			if got := settled(normalize.StatusAccepted); !slices.Equal(got, mail(c.accepted)) {
				t.Errorf("accepted: %v", got)
			}
			if got := settled(normalize.StatusFailed); !slices.Equal(got, mail(c.failed)) {
				t.Errorf("failed: %v", got)
			}
			if !slices.Equal(res.Unreachable, mail(c.flagged)) {
				t.Errorf("flagged: %v", res.Unreachable)
			}
		})
	}
}
