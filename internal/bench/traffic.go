package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/deskbridge/deskbridge/internal/store/media"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// The accounts of a store under measurement.
const (
	hookAccount = "hook"
	deskAccount = "desk"
)

// perCustomer is how many messages a customer writes on average: each has one
// conversation, so that a quarter of the messages open one.
const perCustomer = 4

// traffic makes the messages of one store. The texts come from a pool, since
// making them takes longer than storing them; ids make each message unique.
type traffic struct {
	w     *writer
	pool  []string
	next  int  // number of the next message
	total int  // how many there will be: it decides how many customers there are
	hot   int  // every message of a number divisible by it is of one customer; 0 for none
	gone  bool // the raw inputs are not kept
}

const poolSize = 512

func newTraffic(seed uint64, total, size int) *traffic {
	t := &traffic{w: newWriter(seed), total: total}
	for range poolSize {
		t.pool = append(t.pool, t.w.text(size))
	}
	return t
}

// body returns the vendor's call for the next message.
func (t *traffic) body() []byte {
	n := t.next
	t.next++
	customer := 1 + t.w.rng.IntN(max(1, t.total/perCustomer))
	if t.hot > 0 && n%t.hot == 0 {
		customer = 0
	}
	var c call
	c.ID, c.Type, c.At = fmt.Sprintf("evt_%016x", uint64(n)*0x9E3779B97F4A7C15), "message", time.Now().UTC().Truncate(time.Millisecond)
	c.From.ID, c.From.Name = fmt.Sprintf("+49151%08d", customer), name(customer)
	c.Message.ID = fmt.Sprintf("wamid.%016x", uint64(n+1)*0xD1B54A32D192ED03)
	c.Message.Text = t.pool[n%poolSize]
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // a call is always JSON
	}
	return b
}

// capture is the store of an Ingestor that only prepares.
type capture struct {
	timeline.Store
	in timeline.Ingest
}

func (c *capture) Stage(in timeline.Ingest) (func(context.Context) ([]timeline.Result, error), error) {
	c.in = in
	results := make([]timeline.Result, len(in.Entries))
	for i, e := range in.Entries {
		results[i].Outcome = e.Outcome
	}
	return func(context.Context) ([]timeline.Result, error) { return results, nil }, nil
}

// ingests returns what the store is given by count calls with batch messages each,
// exactly as the Ingestor would make them of the vendor's calls.
func (t *traffic) ingests(ctx context.Context, count, batch int) ([]timeline.Ingest, error) {
	out := make([]timeline.Ingest, count)
	for i := range out {
		var b normalize.Batch
		for range batch {
			raw := t.body()
			b.Inputs = append(b.Inputs, normalize.Input{Key: fmt.Sprint("evt_", t.next), Raw: raw, ContentType: "application/json", ReceivedAt: time.Now()})
		}
		store := &capture{}
		if err := ingestor(store).Take(ctx, source, b); err != nil {
			return nil, err
		}
		out[i] = store.in
		if t.gone {
			forget(&out[i])
		}
	}
	return out, nil
}

// requests returns count webhook calls as they go over the wire.
func (t *traffic) requests(count int) [][]byte {
	out := make([][]byte, count)
	for i := range out {
		body := t.body()
		out[i] = fmt.Appendf(nil, "POST /webhooks/%s HTTP/1.1\r\nHost: bench.example\r\nContent-Type: application/json\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s",
			hookAccount, signatureHeader, sign(body), len(body), body)
	}
	return out
}

var source = timeline.Source{Account: normalize.Account{Name: hookAccount, Type: "bench"}, Decoder: hook{}}

func ingestor(s timeline.Store) *timeline.Ingestor {
	return &timeline.Ingestor{
		Store: s, Files: new(media.Dir), // of which nothing that fits the store has need
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
		IdleTimeout: func() time.Duration { return 14 * 24 * time.Hour },
	}
}
