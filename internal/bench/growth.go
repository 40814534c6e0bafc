package main

import (
	"context"
	"runtime"

	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// growthSteps is how often the two stores of goal 4 take turns.
const growthSteps = 15

// growthGoal measures goal 4: whether a large store takes in as fast as an
// empty one. One store is filled to 70 % beforehand. Then its last 30 % and
// the first 30 % of another one go in by turns, so that what else happens on
// the machine meanwhile slows down both.
func (l *lab) growthGoal(ctx context.Context, engine string) ([]Result, error) {
	large, err := l.fresh(ctx, engine)
	if err != nil {
		return nil, err
	}
	step := l.growth * 3 / 10 / growthSteps
	before := l.growth - step*growthSteps
	last := newTraffic(2, l.growth, messageSize)
	if err := fill(ctx, large, last, before); err != nil {
		return nil, err
	}
	l.verbose("%s growth: %d messages are in", engine, before)
	empty, err := l.fresh(ctx, engine)
	if err != nil {
		return nil, err
	}
	first := newTraffic(2, l.growth, messageSize)
	var p pairs
	for range growthSteps {
		ref, err := taken(ctx, empty, first, step)
		if err != nil {
			return nil, err
		}
		got, err := taken(ctx, large, last, step)
		if err != nil {
			return nil, err
		}
		p.add(ref.rate(), got.rate())
		l.verbose("%s growth: empty %.0f/s, large %.0f/s", engine, ref.rate(), got.rate())
	}
	if err := empty.finish(ctx, step*growthSteps); err != nil {
		return nil, err
	}
	if err := large.finish(ctx, before+step*growthSteps); err != nil {
		return nil, err
	}
	return []Result{{
		Goal: 4, What: engine + ": growth, last 30 % of the messages", Reference: "first 30 % " + perSecond(median(p.ref)),
		Measured: perSecond(median(p.got)), Ratio: p.ratio(), Want: ">= 70 %", Met: p.ratio() >= 0.7, Scaled: l.growthScaled,
		Note: "median of 15 steps by turns, 256 at once",
	}}, nil
}

// taken makes n messages and then times how they are taken in.
func taken(ctx context.Context, db timeline.Store, t *traffic, n int) (load, error) {
	ins, err := t.ingests(ctx, n, 1)
	if err != nil {
		return load{}, err
	}
	runtime.GC()
	return direct(ctx, db, 256, ins)
}
