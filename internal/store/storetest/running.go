package storetest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// eventCursor: whoever follows the events while several nodes write sees each
// of them once, in order.
func eventCursor(t *testing.T, h *harness) {
	const writers, each = 4, 25
	nodes := []*store.DB{h.db, h.open(t), h.open(t)}
	ctx, cancel := context.WithTimeout(h.ctx(), 2*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for w := range writers {
		var batches []timeline.Ingest
		for i := range each {
			name := fmt.Sprintf("w%d-%d", w, i)
			batches = append(batches, h.batch(h.entry(name, h.msg(fmt.Sprintf("c%d@example.com", i%5), name))))
		}
		wg.Go(func() {
			for _, in := range batches {
				if _, err := timeline.Commit(ctx, nodes[w%len(nodes)], in); err != nil {
					t.Errorf("ingest: %v", err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	seen := map[normalize.ID]bool{}
	var last int64
	for finished := false; ; {
		list, err := h.db.Events(ctx, last, 7)
		h.must(err)
		for _, e := range list {
			if e.Seq <= last {
				t.Fatalf("event %d after %d", e.Seq, last)
			}
			last = e.Seq
			if m, ok := e.Data.(*normalize.MessageEvent); ok && e.Type == normalize.MessageReceived {
				seen[m.ID] = true
			}
		}
		if finished && len(list) == 0 {
			break
		}
		select {
		case <-done:
			finished = true
		default:
		}
	}
	if len(seen) != writers*each {
		t.Errorf("a reader saw %d of %d messages", len(seen), writers*each)
	}
}

func leases(t *testing.T, h *harness) {
	one, ok, err := h.db.Acquire(h.ctx(), "x", "a", h.now, time.Minute)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, ok, _ := h.db.Acquire(h.ctx(), "x", "b", h.now, time.Minute); ok {
		t.Error("two owners at once")
	}
	if f, ok, _ := h.db.Acquire(h.ctx(), "x", "a", h.now, time.Minute); !ok || f != one {
		t.Error("the owner lost its own lease by asking again")
	}
	if ok, err := h.db.Renew(h.ctx(), "x", "a", one, h.now, time.Hour); err != nil || !ok {
		t.Error("not renewed", err)
	}
	two, ok, err := h.db.Acquire(h.ctx(), "x", "b", h.now.Add(2*time.Hour), time.Minute)
	if err != nil || !ok || two <= one {
		t.Errorf("takeover: fence %d after %d, %v, %v", two, one, ok, err)
	}
	if ok, _ := h.db.Renew(h.ctx(), "x", "a", one, h.now, time.Hour); ok {
		t.Error("a lost lease was renewed")
	}
	h.must(h.db.Release(h.ctx(), "x", "b", two))
	if three, ok, err := h.db.Acquire(h.ctx(), "x", "a", h.now.Add(2*time.Hour), time.Minute); err != nil || !ok || three <= two {
		t.Errorf("after the release: %d, %v, %v", three, ok, err)
	}
}

func tokens(t *testing.T, h *harness) {
	token, err := h.db.CreateToken(h.ctx(), "ci", h.now)
	h.must(err)
	k, err := h.db.TokenByHash(h.ctx(), sha(token))
	if err != nil || k.Name != "ci" {
		t.Errorf("token %+v, %v", k, err)
	}
	h.must(h.db.RevokeToken(h.ctx(), k.ID.String(), h.now))
	_, err = h.db.TokenByHash(h.ctx(), sha(token))
	h.wantErr(err, timeline.ErrNotFound)
	h.wantErr(h.db.RevokeToken(h.ctx(), "ci", h.now), timeline.ErrNotFound)
	list, err := h.db.Tokens(h.ctx())
	h.must(err)
	if len(list) != 1 || list[0].RevokedAt.IsZero() {
		t.Errorf("tokens %+v", list)
	}

	v := h.db.TokensOf("support")
	h.must(v.Set(h.ctx(), "access", "secret", time.Now().Add(time.Hour)))
	h.must(v.Set(h.ctx(), "old", "secret", time.Now().Add(-time.Hour)))
	h.must(v.Set(h.ctx(), "refresh", "first", time.Time{}))
	h.must(v.Set(h.ctx(), "refresh", "rotated", time.Time{}))
	for name, want := range map[string]string{"access": "secret", "old": "", "refresh": "rotated", "none": ""} {
		if got, err := h.open(t).TokensOf("support").Get(h.ctx(), name); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", name, got, want, err)
		}
	}
	if got, err := h.db.TokensOf("sms").Get(h.ctx(), "access"); err != nil || got != "" {
		t.Errorf("another account sees %q, %v", got, err)
	}
}

func accounts(t *testing.T, h *harness) {
	for range 2 {
		h.must(h.db.SetAccountState(h.ctx(), "support", "down", "login refused", h.now))
	}
	h.must(h.db.SetAccountState(h.ctx(), "support", "connected", "", h.now))
	events, err := h.db.Events(h.ctx(), 0, 0)
	h.must(err)
	var states []string
	for _, e := range events {
		if a, ok := e.Data.(*normalize.AccountEvent); ok {
			states = append(states, a.Account.Name+" "+a.State)
		}
	}
	if !slices.Equal(states, []string{"support down", "support connected"}) {
		t.Errorf("states %v", states)
	}
	h.must(h.db.RegisterAccounts(h.ctx(), []store.AccountRow{{Name: "support", Role: store.RoleChannel, Type: "email"}}))
	list, err := h.db.Accounts(h.ctx())
	h.must(err)
	for _, a := range list {
		if a.Enabled != (a.Name == "support") {
			t.Errorf("account %+v", a)
		}
	}
	if err := h.db.SetAccountState(h.ctx(), "nobody", "down", "", h.now); err == nil {
		t.Error("the state of an account that is not configured was taken")
	}
	h.must(h.db.Ready(h.ctx()))
	one, err := h.db.InstallationKey(h.ctx())
	h.must(err)
	two, err := h.open(t).InstallationKey(h.ctx())
	h.must(err)
	if len(one) != 32 || !slices.Equal(one, two) {
		t.Error("nodes differ in the installation's key")
	}
}

func sweeping(t *testing.T, h *harness) {
	e := h.entry("old raw", h.msg("ann@example.com", "old"))
	e.Input.Encoding, e.Input.Data = timeline.RawFile, nil
	old := h.take(normalize.Accepted, e)[0]
	held := h.take(normalize.Quarantined, h.poison("held raw", "bob@example.com"))[0]
	young := h.take(normalize.Accepted, h.entry("new raw", h.msg("ann@example.com", "new")))[0]
	cut := young.Ledger.Time() // ids tell the time of the process, whose clock other tests move
	last, err := h.db.LastEvent(h.ctx())
	h.must(err)
	digests, err := h.db.Sweep(h.ctx(), store.Retention{Raw: cut, Jobs: cut, Events: cut})
	h.must(err)
	if sum := sha("old raw"); len(digests) != 1 || digests[0] != hex.EncodeToString(sum[:]) {
		t.Errorf("files %v", digests)
	}
	_, _, err = h.db.LedgerRaw(h.ctx(), old.Ledger)
	h.wantErr(err, timeline.ErrGone)
	for what, id := range map[string]normalize.ID{"young": young.Ledger, "in quarantine": held.Ledger} {
		if _, _, err := h.db.LedgerRaw(h.ctx(), id); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if h.message(old.Message).RawAvailable || h.message(old.Message).Text != "old" {
		t.Error("the sweep of raw inputs touched a message")
	}
	// Its forward jobs are not done, so its events stay.
	if n := len(h.events()); int64(n) != last {
		t.Errorf("%d events, want %d", n, last)
	}
	h.must(h.db.RegisterAccounts(h.ctx(), nil))
}

// closing: a store that is closed refuses, and keeps what it had accepted.
func closing(t *testing.T, h *harness) {
	var wg sync.WaitGroup
	results := make([]error, 40)
	other := h.open(t)
	for i := range results {
		in := h.batch(h.entry(fmt.Sprint("k", i), h.msg("ann@example.com", fmt.Sprint("k", i))))
		wg.Go(func() { _, results[i] = timeline.Commit(h.ctx(), other, in) })
	}
	ctx, cancel := context.WithTimeout(h.ctx(), 30*time.Second)
	defer cancel()
	h.must(other.Close(ctx))
	wg.Wait()
	taken := 0
	for _, err := range results {
		if err == nil {
			taken++
		} else if !errors.Is(err, store.ErrClosed) {
			t.Errorf("refused with %v", err)
		}
	}
	list, err := h.db.Ledger(h.ctx(), timeline.LedgerFilter{})
	h.must(err)
	if len(list) != taken {
		t.Errorf("%d inputs were acknowledged and %d are stored", taken, len(list))
	}
	if _, err := other.Events(h.ctx(), 0, 1); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a closed store answers %v", err)
	}
}
