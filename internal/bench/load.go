package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/internal/server"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// load is what n workers achieved together.
type load struct {
	n    int
	took time.Duration
	cpu  time.Duration   // of the whole process, clients included
	each []time.Duration // sorted
}

func (l load) rate() float64 { return float64(l.n) / l.took.Seconds() }

// cost is the processors' time for one thing, in microseconds. It depends
// little on what else runs on the machine.
func (l load) cost() float64 { return float64(l.cpu.Microseconds()) / float64(l.n) }

// at returns a percentile of the times.
func (l load) at(p float64) time.Duration {
	if len(l.each) == 0 {
		return 0
	}
	return l.each[min(len(l.each)-1, int(p/100*float64(len(l.each))))]
}

// drive has workers do n things, each the next one that is not yet done.
func drive(workers, n int, do func(worker, i int) error) (load, error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, workers)
	each := make([]time.Duration, n)
	begun, used := time.Now(), cpuTime()
	for w := range workers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				start := time.Now()
				if errs[w] = do(w, i); errs[w] != nil {
					next.Store(int64(n))
					return
				}
				each[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	took := time.Since(begun)
	used = cpuTime() - used
	slices.Sort(each)
	return load{n, took, used, each}, errors.Join(errs...)
}

// cpuTime is what this process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// direct has workers call the store's Ingest.
func direct(ctx context.Context, db timeline.Store, workers int, ins []timeline.Ingest) (load, error) {
	return drive(workers, len(ins), func(_, i int) error {
		in := ins[i]
		in.Now = time.Now()
		_, err := timeline.Commit(ctx, db, in)
		return err
	})
}

// overHTTP has as many keep-alive connections send the webhook calls to h.
func overHTTP(ctx context.Context, h http.Handler, conns int, requests [][]byte) (out load, err error) {
	addr, stop, err := listen(ctx, h)
	if err != nil {
		return load{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return callAt(ctx, addr, conns, requests)
}

func callAt(ctx context.Context, addr string, conns int, requests [][]byte) (load, error) {
	clients := make([]*client, conns)
	for i := range clients {
		c, err := dial(ctx, addr)
		if err != nil {
			return load{}, err
		}
		defer c.close()
		clients[i] = c
	}
	return drive(conns, len(requests), func(w, i int) error { return clients[w].call(requests[i]) })
}

// listen serves h as the daemon does.
func listen(ctx context.Context, h http.Handler) (addr string, stop func() error, err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := server.Listener(h, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	return l.Addr().String(), func() error {
		err := s.Close()
		if serr := <-done; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
		return err
	}, nil
}

// public is the daemon's public handler with one webhook, which hands what it
// takes in to take.
func public(take func(context.Context, normalize.Batch) error) http.Handler {
	s := server.New(server.Config{PublicURL: "https://bench.example"}, server.Deps{
		Endpoint: func(name string) (server.Endpoint, bool) {
			return server.ChannelEndpoint(hook{}, take), name == hookAccount
		},
		Ready: func(context.Context) error { return nil },
		Log:   slog.New(slog.DiscardHandler), Clock: connectors.SystemClock{}, Metrics: prometheus.NewRegistry(),
	})
	return s.Public()
}

// intoStore is public with the whole way into a store behind it.
func intoStore(db timeline.Store) http.Handler {
	g := ingestor(db)
	return public(func(ctx context.Context, b normalize.Batch) error { return g.Take(ctx, source, b) })
}
