package main

import (
	"context"
	"fmt"
	"os"
	"strings"
)

const noBytes = -1

// memoryGoal measures goal 10: the memory of a process that takes in webhooks,
// what it grows by with the work that waits, and what an idle daemon takes.
func (l *lab) memoryGoal(ctx context.Context, engine string) ([]Result, error) {
	busy, err := l.busy(ctx, engine)
	if err != nil {
		return nil, err
	}
	idle, err := l.idleDaemon(ctx)
	if err != nil {
		return nil, err
	}
	return append(busy, idle), nil
}

// busy has a process take messages in by HTTP, first until its caches are
// full, and then as many more as shall be pending.
func (l *lab) busy(ctx context.Context, engine string) (_ []Result, err error) {
	url, path, err := l.url(engine)
	if err != nil {
		return nil, err
	}
	p, err := startChild(ctx, "serve", url)
	if err != nil {
		return nil, err
	}
	defer p.kill()
	addr, err := p.line()
	if err != nil {
		return nil, err
	}
	t := newTraffic(6, l.warm+l.more, messageSize)
	rest := func(n int) (float64, error) {
		for n > 0 {
			size := min(n, 10_000)
			n -= size
			if _, err := callAt(ctx, addr, 64, t.requests(size)); err != nil {
				return noBytes, err
			}
		}
		if err := p.settle(); err != nil {
			return noBytes, err
		}
		return status(p.cmd.Process.Pid, "VmRSS")
	}
	warm, err := rest(l.warm)
	if err != nil {
		return nil, err
	}
	after, err := rest(l.more)
	if err != nil {
		return nil, err
	}
	peak, err := status(p.cmd.Process.Pid, "VmHWM")
	if err != nil {
		return nil, err
	}
	if err := p.stop(); err != nil {
		return nil, err
	}
	if err := verify(ctx, url, l.warm+l.more, true); err != nil {
		return nil, err
	}
	each := max(0, after-warm) / float64(l.more)
	return []Result{
		{
			Goal: 10, What: engine + ": peak memory while taking in, 64 MiB page cache", Measured: mega(peak), Ratio: peak / 200e6,
			Want: "<= 200 MB", Met: peak <= 200e6, Note: "VmHWM of a process with the store and the public handler, 64 connections",
		},
		{
			Goal: 10, What: engine + ": memory per pending message", Measured: fmt.Sprintf("%.0f B", each), Ratio: each / 150,
			Want: "<= 150 B", Met: each <= 150, Scaled: l.memoryScaled,
			Note: fmt.Sprintf("growth of the resident memory from %s, with full caches after %d messages, to %s", mega(warm), l.warm, mega(after)),
		},
	}, (&bench{path: path}).remove()
}

// status returns a number of bytes of proc_pid_status(5).
func status(pid int, field string) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return noBytes, err
	}
	for line := range strings.Lines(string(b)) {
		var kb float64
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			if _, err := fmt.Sscanf(rest, "%f kB", &kb); err != nil {
				return noBytes, err
			}
			return kb * 1024, nil
		}
	}
	return noBytes, fmt.Errorf("the system does not tell %s", field)
}
