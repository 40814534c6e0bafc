package main

import (
	"context"
	"runtime"
	"time"
)

// growth measures goal 4: whether a large store takes in as fast as an empty
// one. The messages are made between the timed stretches.
func (l *lab) growthGoal(ctx context.Context, engine string) ([]Result, error) {
	const share = 10 // stretches; the first and the last three count
	var p pairs
	for range l.growthRounds {
		b, err := l.fresh(ctx, engine)
		if err != nil {
			return nil, err
		}
		t := newTraffic(2, l.growth, messageSize)
		var took [share]time.Duration
		for s := range share {
			for left := l.growth / share; left > 0; {
				n := min(left, 20_000) // in memory at once
				left -= n
				ins, err := t.ingests(ctx, n, 1)
				if err != nil {
					return nil, err
				}
				runtime.GC()
				got, err := direct(ctx, b, 256, ins)
				if err != nil {
					return nil, err
				}
				took[s] += got.took
			}
			l.verbose("%s growth: tenth %d at %.0f/s", engine, s+1, float64(l.growth/share)/took[s].Seconds())
		}
		rate := func(s []time.Duration) float64 {
			return float64(3*l.growth/share) / (s[0] + s[1] + s[2]).Seconds()
		}
		p.add(rate(took[:3]), rate(took[share-3:]))
		if err := b.finish(ctx, l.growth); err != nil {
			return nil, err
		}
	}
	return []Result{{Goal: 4, What: engine + ": growth, last 30 % of the messages", Reference: "first 30 % " + perSecond(median(p.ref)),
		Measured: perSecond(median(p.got)), Ratio: p.ratio(), Want: ">= 70 %", Met: p.ratio() >= 0.7, Scaled: l.growthScaled}}, nil
}
