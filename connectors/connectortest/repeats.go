package connectortest

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/store/media"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// repeats: what comes twice is taken once. All fixtures are taken in, three
// times over, by the real ingest on a real store, which has the messages that
// they edit, complete, delete or react to.
func (s Suite) repeats(t *testing.T) {
	a := s.open(t, s.vendor(t))
	ctx := t.Context()
	db, err := store.Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "test.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(context.WithoutCancel(ctx)) }()
	if err := db.RegisterAccounts(ctx, []store.AccountRow{{Name: name, Role: store.RoleChannel, Type: s.Type}}); err != nil {
		t.Fatal(err)
	}
	files, err := media.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = files.Close() }()
	outcomes := map[normalize.Outcome]int{}
	now := receivedAt
	g := &timeline.Ingestor{
		Store: db, Files: files, Log: quiet, Now: func() time.Time { return now },
		IdleTimeout: func() time.Duration { return 7 * 24 * time.Hour },
		Observe:     func(_ string, r timeline.Result) { outcomes[r.Outcome]++ },
	}
	var batch normalize.Batch
	messages, targets, ignored := map[string]bool{}, map[string]bool{}, 0
	for _, f := range Fixtures(t) {
		items, inputs := s.items(t, a, f)
		batch.Inputs = append(batch.Inputs, inputs...)
		for _, item := range items {
			switch it := item.(type) {
			case *normalize.Message:
				messages[it.ExternalID] = true
			case *normalize.Ignored:
				ignored++
			case *normalize.Edit:
				targets[it.Target] = true
			case *normalize.Supplement:
				targets[it.Target] = true
			case *normalize.Delete:
				targets[it.Target] = true
			case *normalize.Reaction:
				targets[it.Target] = true
			}
		}
	}
	account := normalize.Account{Name: name, Type: s.Type}
	src := timeline.Source{Account: account, Decoder: a.Channel}
	var before normalize.Batch
	for target := range targets {
		if !messages[target] {
			messages[target] = true
			before.Inputs = append(before.Inputs, normalize.Input{Key: target, Raw: []byte("given"), ReceivedAt: receivedAt})
		}
	}
	if err := g.Take(ctx, timeline.Source{Account: account, Decoder: given(s.kind(t).Addresses[0])}, before); err != nil {
		t.Fatal(err)
	}
	events := func() []*normalize.Event {
		list, err := db.Events(ctx, 0, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	happened := 0
	for round := range 3 {
		clear(outcomes)
		now = now.Add(time.Minute)
		if err := g.Take(ctx, src, batch); err != nil {
			t.Fatal(err)
		}
		if outcomes[normalize.Quarantined] > 0 {
			t.Errorf("round %d: %d inputs were quarantined", round, outcomes[normalize.Quarantined])
		}
		if n := outcomes[normalize.Disregarded]; round == 0 && n < ignored {
			t.Errorf("%d inputs are counted as ignored, want the fixtures' %d", n, ignored)
		}
		all := events()
		if round == 0 {
			happened = len(all)
		}
		for _, e := range all[happened:] {
			t.Errorf("round %d: it happened again: %s", round, e.Type)
		}
	}
	stored, changed := 0, false
	for _, e := range events() {
		switch e.Type {
		case normalize.MessageReceived, normalize.MessageSent:
			stored++
		case normalize.MessageEdited, normalize.MessageDeleted:
			changed = true
		}
	}
	if changed != (len(targets) > 0) {
		t.Errorf("the fixtures change %d messages; something changed: %v", len(targets), changed)
	}
	if stored != len(messages) {
		t.Errorf("%d messages after three rounds, want the fixtures' %d: %v", stored, len(messages), slices.Sorted(maps.Keys(messages)))
	}
}

// given decodes inputs to messages that their keys name, of somebody with an
// address of this kind.
type given string

func (g given) Decode(in normalize.Input) (normalize.Item, error) {
	return &normalize.Message{
		Address: normalize.Address{Kind: string(g), Value: "somebody"}, ExternalID: in.Key, Thread: normalize.Thread{Key: "given"},
		Text: "said before", Parts: []normalize.Part{{Kind: normalize.PartText, Text: "said before"}},
	}, nil
}
