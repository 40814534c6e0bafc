package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

// ingest measures the goals 1, 2 and 5: what a message costs on its way in by
// HTTP, against calls of the store with the same content made
// beforehand, and what sharing commits is worth.
func (l *lab) ingest(ctx context.Context, engine string) ([]Result, error) {
	var at64, at256, grouped, cost64, cost256 pairs
	var p50, p99 []float64
	for round := range l.rounds {
		profile := func(name string) string {
			if l.profile == "" || round > 0 {
				return ""
			}
			return fmt.Sprintf("%s-%s-%s.prof", l.profile, engine, name)
		}
		bare64, err := l.bare(ctx, engine, 64, l.messages, profile("bare"))
		if err != nil {
			return nil, err
		}
		http64, err := l.http(ctx, engine, 64, profile("http"))
		if err != nil {
			return nil, err
		}
		bare256, err := l.bare(ctx, engine, 256, l.messages, "")
		if err != nil {
			return nil, err
		}
		http256, err := l.http(ctx, engine, 256, "")
		if err != nil {
			return nil, err
		}
		single, err := l.bare(ctx, engine, 1, l.single, "")
		if err != nil {
			return nil, err
		}
		at64.add(bare64.rate(), http64.rate())
		at256.add(bare256.rate(), http256.rate())
		cost64.add(bare64.cost(), http64.cost())
		cost256.add(bare256.cost(), http256.cost())
		grouped.add(single.rate(), bare256.rate())
		p50 = append(p50, float64(http256.at(50)))
		p99 = append(p99, float64(http256.at(99)))
		l.verbose("%s round %d: bare 64 %.0f/s, http 64 %.0f/s, bare 256 %.0f/s, http 256 %.0f/s (p99 %v), one by one %.0f/s",
			engine, round+1, bare64.rate(), http64.rate(), bare256.rate(), http256.rate(), http256.at(99), single.rate())
	}
	line := func(goal int, what, ref string, p *pairs, least float64, want, note string) Result {
		return Result{
			Goal: goal, What: engine + ": " + what, Reference: ref + " " + perSecond(median(p.ref)), Measured: perSecond(median(p.got)),
			Ratio: p.ratio(), Want: want, Met: p.ratio() >= least, Note: note,
		}
	}
	costs := func(p *pairs) string {
		return fmt.Sprintf("processor time per message: bare %.0f µs, by HTTP with the client %.0f µs", median(p.ref), median(p.got))
	}
	limit := float64(100 * time.Millisecond)
	return []Result{
		line(1, "HTTP ingest, 64 connections", "bare group commit", &at64, 0.75, ">= 75 %", costs(&cost64)),
		line(1, "HTTP ingest, 256 connections", "bare group commit", &at256, 0.50, ">= 50 %", costs(&cost256)),
		line(2, "group commit, 256 at once", "one by one", &grouped, 5, ">= 5x", ""),
		{
			Goal: 5, What: engine + ": acknowledgement p99, 256 saturated connections", Measured: millis(median(p99)),
			Ratio: median(p99) / limit, Want: "<= 100 ms", Met: median(p99) <= limit, Note: "p50 " + millis(median(p50)),
		},
	}, nil
}

// bare runs n prepared messages into the store, each a call of its own.
func (l *lab) bare(ctx context.Context, engine string, workers, n int, profile string) (load, error) {
	b, err := l.fresh(ctx, engine)
	if err != nil {
		return load{}, err
	}
	ins, err := newTraffic(1, n, messageSize).ingests(ctx, n, 1)
	if err != nil {
		return load{}, err
	}
	runtime.GC()
	var got load
	if err := profiled(profile, func() error {
		got, err = direct(ctx, b, workers, ins)
		return err
	}); err != nil {
		return load{}, fmt.Errorf("bare group commit: %w", err)
	}
	return got, b.finish(ctx, n)
}

// http runs the same messages as webhook calls.
func (l *lab) http(ctx context.Context, engine string, conns int, profile string) (load, error) {
	b, err := l.fresh(ctx, engine)
	if err != nil {
		return load{}, err
	}
	requests := newTraffic(1, l.messages, messageSize).requests(l.messages)
	runtime.GC()
	var got load
	if err := profiled(profile, func() error {
		got, err = overHTTP(ctx, intoStore(b), conns, requests)
		return err
	}); err != nil {
		return load{}, fmt.Errorf("HTTP ingest: %w", err)
	}
	return got, b.finish(ctx, l.messages)
}

// profiled runs f and writes a CPU profile of it where a file is named.
func profiled(file string, f func() error) (err error) {
	if file == "" {
		return f()
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return f()
}
