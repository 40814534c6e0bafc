package storetest

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// chat lets a customer write on a channel whose vendor knows who they are.
func (h *harness) chat(who string) *normalize.Message {
	h.Helper()
	h.n++
	m := h.msg("", "hi", func(m *normalize.Message) { m.Address = normalize.Address{Kind: "chat", Value: who} })
	results, err := timeline.Commit(h.ctx(), h.db, timeline.Ingest{Account: "chat", Now: h.now, Entries: []timeline.Entry{h.entry(m.ExternalID, m)}})
	h.must(err)
	return h.message(results[0].Message)
}

// profiled gives the vendor's answer to the one question that waits.
func (h *harness) profiled(r outbox.Result) {
	h.Helper()
	jobs, err := h.db.Claim(h.ctx(), outbox.Fetch, "chat", h.now, 60e9, 10)
	h.must(err)
	if len(jobs) != 1 || jobs[0].Task != outbox.TaskProfile {
		h.Fatalf("%+v wait, want one question", jobs)
	}
	if a, err := h.db.Address(h.ctx(), jobs[0].About); err != nil || a.Kind != "chat" {
		h.Errorf("asked about %+v, %v", a, err)
	}
	h.fetched(jobs[0], r)
}

func knows(name string, evidence ...normalize.Evidence) outbox.Result {
	return outbox.Result{Repeatable: true, Profile: &normalize.Profile{Name: name, Evidence: evidence}}
}

func proof(kind, value string) normalize.Evidence {
	return normalize.Evidence{Address: normalize.Address{Kind: kind, Value: value}, Verified: true}
}

func hint(kind, value string) normalize.Evidence {
	return normalize.Evidence{Address: normalize.Address{Kind: kind, Value: value}}
}

// same reports whether two addresses are one customer's.
func (h *harness) same(a, b *normalize.Message) bool {
	h.Helper()
	return h.message(a.ID).Customer.ID == h.message(b.ID).Customer.ID
}

func profiles(t *testing.T, h *harness) {
	h.must(h.db.RegisterAccounts(h.ctx(), []store.AccountRow{
		{Name: "support", Role: store.RoleChannel, Type: "email"},
		{Name: "chat", Role: store.RoleChannel, Type: "chat", Profiles: true},
		{Name: "desk", Role: store.RoleHelpdesk, Type: "webhook", Wants: normalize.EventTypes},
	}))
	mail := h.place(h.msg("ann@example.com", "by mail"))
	ann := h.chat("U1")
	h.chat("U1") // is not asked about twice
	h.profiled(outbox.Result{Repeatable: true, Err: connectors.Errorf(connectors.Transient, "500", "later")})
	h.now = h.now.Add(60e9)
	endless := make([]byte, 10_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(endless)
	h.profiled(knows("Ann", hint("email", "ann@example.com"), proof("union", "X"), proof("union", hex.EncodeToString(endless))))
	if c := h.message(ann.ID).Customer; c.Name != "Ann" || c.Addresses[0].Name != "Ann" {
		t.Errorf("customer %+v", c)
	}
	if h.same(ann, mail) {
		t.Error("merged by evidence that is not verified")
	}
	for _, m := range []*normalize.Message{ann, mail} {
		related, err := h.db.Related(h.ctx(), m.Customer.ID)
		h.must(err)
		if len(related) != 1 || related[0].Customer.ID == m.Customer.ID || !strings.Contains(related[0].Why, "email ann@example.com") {
			t.Errorf("related %+v", related)
		}
	}

	// The same verified id on another account is the same person.
	again := h.chat("U2")
	h.profiled(knows("Annie", proof("union", "X")))
	if !h.same(ann, again) {
		t.Fatal("not merged by the same verified evidence")
	}
	list, err := h.db.Merges(h.ctx(), h.message(ann.ID).Customer.ID)
	h.must(err)
	if len(list) != 1 || list[0].Author != "deskbridge" || !strings.Contains(list[0].Evidence, "union X") || list[0].Into != ann.Customer.ID {
		t.Fatalf("merges %+v", list)
	}
	if n := count(h.events(), normalize.CustomerMerged); n != 1 {
		t.Errorf("told %d times", n)
	}
	_, err = h.db.Undo(h.ctx(), list[0].ID, "eve", h.now)
	h.must(err)
	third := h.chat("U3")
	h.profiled(knows("", proof("union", "X")))
	if h.same(ann, again) {
		t.Error("merged again what a person had separated")
	}
	if !h.same(third, ann) && !h.same(third, again) {
		t.Error("the third is merged with neither")
	}

	// An address that evidence names is merged, whichever comes first.
	bob := h.place(h.msg("bob@example.com", "by mail"))
	chat := h.chat("U4")
	h.profiled(knows("Bob", proof("email", "bob@example.com"), proof("email", "bob@home.example")))
	if !h.same(bob, chat) {
		t.Error("not merged with the address that there was")
	}
	home := h.place(h.msg("bob@home.example", "from home"))
	if !h.same(bob, home) {
		t.Error("not merged with the address that came later")
	}
	h.wantTexts(bob.Customer.ID, "from home", "hi", "by mail")
	links, err := h.db.Links(h.ctx(), bob.Customer.ID)
	h.must(err)
	names := 0
	for _, l := range links {
		names += len(l.Names)
	}
	if len(links) != 3 || names != 2 {
		t.Errorf("links %+v", links)
	}

	// Whoever was erased is asked about no more, and nothing names them.
	cyd := h.chat("U5")
	jobs, err := h.db.Claim(h.ctx(), outbox.Fetch, "chat", h.now, 60e9, 10)
	h.must(err)
	_, err = h.db.Erase(h.ctx(), cyd.Customer.ID, h.now)
	h.must(err)
	if _, err := h.db.Address(h.ctx(), jobs[0].About); !errors.Is(err, timeline.ErrErased) {
		t.Errorf("address of nobody: %v", err)
	}
	h.fetched(jobs[0], knows("Cyd", proof("union", "X")))
	if c, err := h.db.Customer(h.ctx(), cyd.Customer.ID); err != nil || c.Name != "" {
		t.Errorf("after erasure: %+v, %v", c, err)
	}
	_, err = h.db.Erase(h.ctx(), bob.Customer.ID, h.now)
	h.must(err)
	if fresh := h.place(h.msg("bob@home.example", "anew")); len(fresh.Customer.Addresses) != 1 {
		t.Errorf("what was known of the erased holds on: %+v", fresh.Customer)
	}
}
