package main

import (
	"context"
	"fmt"
	"os"

	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// sizeGoal measures goal 11: the whole database, once the log is merged into
// it, divided by the messages; with the raw inputs, and without them as it is
// once their retention is over.
func (l *lab) sizeGoal(ctx context.Context, engine string) ([]Result, error) {
	const limit = 1500
	var out []Result
	for _, kept := range []bool{true, false} {
		bytes, parts, err := l.perMessage(ctx, engine, kept)
		if err != nil {
			return nil, err
		}
		r := Result{
			Goal: 11, What: engine + ": store per message of 1 KB, raw input kept", Measured: fmt.Sprintf("%.0f B", bytes), Ratio: bytes / limit,
			Want: "<= 1500 B", Met: bytes <= limit,
			Note: fmt.Sprintf("the whole database of %d messages: %s, ledger, keys, event, forward job; a customer, an address, a conversation and a queue for each %d",
				l.stored, parts, perCustomer),
		}
		if !kept {
			r.What = engine + ": store per message of 1 KB, raw retention over"
		}
		out = append(out, r)
	}
	return out, nil
}

// perMessage returns the bytes for one message, and what its large parts are.
func (l *lab) perMessage(ctx context.Context, engine string, kept bool) (bytes float64, parts string, err error) {
	b, err := l.fresh(ctx, engine)
	if err != nil {
		return 0, "", err
	}
	t := newTraffic(4, l.stored, messageSize)
	t.gone = !kept
	if err := fill(ctx, b, t, l.stored); err != nil {
		return 0, "", err
	}
	if err := b.Close(ctx); err != nil {
		return 0, "", err
	}
	if err := verify(ctx, b.url, l.stored, kept); err != nil {
		return 0, "", err
	}
	var total int64
	if b.path == "" {
		if err := b.analyze(ctx); err != nil {
			return 0, "", err
		}
		total, err = count(ctx, b.url, "SELECT pg_database_size(current_database()) - pg_database_size('template1')")
	} else {
		var info os.FileInfo
		if info, err = os.Stat(b.path); err == nil {
			total = info.Size()
		}
	}
	if err != nil {
		return 0, "", err
	}
	payloads, err := count(ctx, b.url, "SELECT sum(length(payload)) FROM messages")
	if err != nil {
		return 0, "", err
	}
	raws, err := count(ctx, b.url, "SELECT coalesce(sum(length(data)), 0) FROM raws")
	if err != nil {
		return 0, "", err
	}
	n := int64(l.stored)
	parts = fmt.Sprintf("message of %d B packed", payloads/n)
	if kept {
		parts += fmt.Sprintf(", raw input of %d B packed", raws/n)
	}
	return float64(total) / float64(n), parts, b.remove()
}

// forget leaves the raw bytes out, as with raw inputs that are not kept.
func forget(in *timeline.Ingest) {
	for i := range in.Entries {
		in.Entries[i].Input.Encoding, in.Entries[i].Input.Data = timeline.RawGone, nil
	}
}
