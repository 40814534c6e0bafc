package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/outbox"
)

const (
	// shortText is the length of messages of which only the number matters.
	shortText = 100
	fillBatch = 250
	lease     = time.Minute
)

// claims measures goal 7: whether a claim takes longer when much work waits,
// and when one conversation holds much of it.
func (l *lab) claimGoal(ctx context.Context, engine string) ([]Result, error) {
	small, err := l.filled(ctx, engine, l.claimSmall, 0)
	if err != nil {
		return nil, err
	}
	large, err := l.filled(ctx, engine, l.claimLarge, l.claimLarge/l.hot)
	if err != nil {
		return nil, err
	}
	for _, b := range []*bench{small, large} {
		if err := b.analyze(ctx); err != nil {
			return nil, err
		}
	}
	var p pairs
	for round := range l.rounds {
		ref, err := claimTime(ctx, small, l.claims)
		if err != nil {
			return nil, err
		}
		got, err := claimTime(ctx, large, l.claims)
		if err != nil {
			return nil, err
		}
		p.add(ref, got)
		l.verbose("%s claims, round %d: %s, %s", engine, round+1, millis(ref), millis(got))
	}
	if err := errors.Join(small.finish(ctx, l.claimSmall), large.finish(ctx, l.claimLarge)); err != nil {
		return nil, err
	}
	return []Result{{
		Goal: 7, What: fmt.Sprintf("%s: claim of %d, p50, %d jobs and a hot conversation of %d", engine, outbox.DefaultParallel, l.claimLarge, l.hot),
		Reference: fmt.Sprintf("at %d jobs %s", l.claimSmall, millis(median(p.ref))), Measured: millis(median(p.got)),
		Ratio: p.ratio(), Want: "<= 1.25x", Met: p.ratio() <= 1.25, Scaled: l.claimScaled,
	}}, nil
}

// filled returns a store with n forward jobs; every hot-th is of one
// conversation.
func (l *lab) filled(ctx context.Context, engine string, n, hot int) (*bench, error) {
	b, err := l.fresh(ctx, engine)
	if err != nil {
		return nil, err
	}
	t := newTraffic(3, n, shortText)
	t.hot = hot
	begun := time.Now()
	if err := fill(ctx, b, t, n); err != nil {
		return nil, err
	}
	l.verbose("%s: %d messages filled in at %.0f/s", engine, n, float64(n)/time.Since(begun).Seconds())
	return b, nil
}

// fill takes in n messages, many to a call.
func fill(ctx context.Context, b *bench, t *traffic, n int) error {
	for n > 0 {
		size := min(fillBatch, n)
		ins, err := t.ingests(ctx, min(4, max(1, n/size)), size)
		if err != nil {
			return err
		}
		if _, err := direct(ctx, b, len(ins), ins); err != nil {
			return err
		}
		n -= len(ins) * size
	}
	return nil
}

// claimTime claims count times as a dispatcher does, works everything off and
// returns the median time of a claim in nanoseconds.
func claimTime(ctx context.Context, b *bench, count int) (float64, error) {
	var each []time.Duration
	for range count {
		now := time.Now()
		jobs, err := b.Claim(ctx, outbox.Forward, deskAccount, now, lease, outbox.DefaultParallel)
		each = append(each, time.Since(now))
		if err != nil {
			return 0, err
		}
		if len(jobs) == 0 {
			return 0, errors.New("nothing was claimed, though there is work: the run was broken and its times mean nothing")
		}
		if err := workOff(ctx, b, jobs); err != nil {
			return 0, err
		}
	}
	slices.Sort(each)
	return float64(each[len(each)/2]), nil
}

// workOff settles jobs as a helpdesk that takes everything lets it be done.
func workOff(ctx context.Context, s outbox.Store, jobs []*outbox.Job) error {
	var wg sync.WaitGroup
	errs := make([]error, len(jobs))
	for i, j := range jobs {
		wg.Go(func() {
			if _, err := s.Begin(ctx, j.ID, j.Fence, time.Now()); err != nil {
				errs[i] = err
				return
			}
			errs[i] = s.Settle(ctx, outbox.Settlement{Job: j.ID, Fence: j.Fence, Now: time.Now(), State: outbox.Done, Attempt: true})
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
