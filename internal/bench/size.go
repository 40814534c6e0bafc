package main

import (
	"context"
	"fmt"
	"os"
)

// sizeGoal measures goal 11: the whole database file, once the log is merged
// into it, divided by the messages.
func (l *lab) sizeGoal(ctx context.Context, engine string) ([]Result, error) {
	b, err := l.fresh(ctx, engine)
	if err != nil {
		return nil, err
	}
	t := newTraffic(4, l.stored, messageSize)
	if err := fill(ctx, b, t, l.stored); err != nil {
		return nil, err
	}
	if err := b.Close(ctx); err != nil {
		return nil, err
	}
	if err := verify(ctx, b.url, l.stored); err != nil {
		return nil, err
	}
	var bytes int64
	if b.path == "" {
		bytes, err = count(ctx, b.url, "SELECT pg_database_size(current_database())")
	} else {
		var info os.FileInfo
		if info, err = os.Stat(b.path); err == nil {
			bytes = info.Size()
		}
	}
	if err != nil {
		return nil, err
	}
	each := float64(bytes) / float64(l.stored)
	packed, err := count(ctx, b.url, "SELECT sum(length(data)) FROM raws")
	if err != nil {
		return nil, err
	}
	payloads, err := count(ctx, b.url, "SELECT sum(length(payload)) FROM messages")
	if err != nil {
		return nil, err
	}
	limit := 1500.0
	return []Result{{Goal: 11, What: engine + ": store per message of 1 KB", Measured: fmt.Sprintf("%.0f B", each), Ratio: each / limit,
		Want: "<= 1500 B", Met: each <= limit,
		Note: fmt.Sprintf("the whole file of %d messages: message (%d B payload), ledger, raw input (%d B), keys, event, forward job; "+
			"a customer, an address, a conversation and a queue for each %d messages",
			l.stored, payloads/int64(l.stored), packed/int64(l.stored), perCustomer)}}, b.remove()
}
