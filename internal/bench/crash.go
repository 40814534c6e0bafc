package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"
)

// crashGoal measures goal 9: a process that takes messages in is killed while
// much work is pending and the log is nearly as long as it gets, which is the
// worst moment; then another opens the store.
func (l *lab) crashGoal(ctx context.Context, engine string) ([]Result, error) {
	url, path, err := l.url(engine)
	if err != nil {
		return nil, err
	}
	var open, settled, logs []float64
	for round := range l.killRounds {
		n := l.pending
		if round > 0 {
			n = 1 // the rest is there
		}
		log, err := l.killAmid(ctx, url, path, n, round+1)
		if err != nil {
			return nil, err
		}
		begun := time.Now()
		p, err := startChild(ctx, "resume", url)
		if err != nil {
			return nil, err
		}
		line, err := p.line()
		if err != nil {
			return nil, err
		}
		took := time.Since(begun)
		var r resumed
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, err
		}
		if err := p.stop(); err != nil {
			return nil, err
		}
		open, settled, logs = append(open, float64(r.Open)), append(settled, float64(took)), append(logs, float64(log))
		l.verbose("killed with a log of %s: open %v, settled %v, with the start of the process %v", mega(float64(log)), r.Open, r.Settled, took)
	}
	pending, err := checkPending(ctx, url, l.pending)
	if err != nil {
		return nil, err
	}
	scaled := l.pendingScaled
	worstOpen, worstSettled := slices.Max(open), slices.Max(settled)
	note := fmt.Sprintf("the worst of %d kills, %d jobs pending, a log of %s to %s to be read", l.killRounds, pending, mega(slices.Min(logs)), mega(slices.Max(logs)))
	return []Result{
		{
			Goal: 9, What: engine + ": store open after kill -9", Measured: millis(worstOpen), Ratio: worstOpen / float64(100*time.Millisecond),
			Want: "<= 100 ms", Met: worstOpen <= float64(100*time.Millisecond), Scaled: scaled, Note: note,
		},
		{
			Goal: 9, What: engine + ": first work settled after kill -9", Measured: millis(worstSettled), Ratio: worstSettled / float64(2*time.Second),
			Want: "<= 2 s", Met: worstSettled <= float64(2*time.Second), Scaled: scaled, Note: "from the start of the process",
		},
	}, (&bench{path: path}).remove()
}

// killAmid fills a store with n messages more and kills who does it once the
// log is long. It returns how long.
func (l *lab) killAmid(ctx context.Context, url, path string, n, seed int) (log int64, err error) {
	p, err := startChild(ctx, "fill", url, strconv.Itoa(n), strconv.Itoa(seed))
	if err != nil {
		return 0, err
	}
	defer p.kill()
	if _, err := p.line(); err != nil {
		return 0, err
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			return 0, err
		}
		if info.Size() >= l.fullLog {
			return info.Size(), nil
		}
		if time.Now().After(end) {
			return 0, fmt.Errorf("the log did not reach %d bytes", l.fullLog)
		}
	}
}

// checkPending makes sure that at least so many jobs wait, and that none of
// them lost its message.
func checkPending(ctx context.Context, url string, least int) (int64, error) {
	pending, err := count(ctx, url, "SELECT count(*) FROM jobs WHERE state IN ('queued', 'sending')")
	if err != nil {
		return 0, err
	}
	whole, err := count(ctx, url, `SELECT count(*) FROM jobs j JOIN messages m ON m.id = j.message_id JOIN ledger l ON l.id = m.ledger_id
		JOIN events e ON e.id = j.event_id WHERE j.state IN ('queued', 'sending')`)
	if err != nil {
		return 0, err
	}
	if whole != pending || pending < int64(least)*9/10 {
		return 0, fmt.Errorf("%d jobs are pending and %d of them whole, of %d messages: the run was broken and its times mean nothing", pending, whole, least)
	}
	return pending, nil
}
