package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// limits measures what bounds everything else, for context.
func (l *lab) limits(ctx context.Context) ([]Result, error) {
	flush, err := l.flush()
	if err != nil {
		return nil, err
	}
	requests := newTraffic(5, l.noWork, messageSize).requests(l.noWork)
	nothing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	bare, err := overHTTP(ctx, nothing, 64, requests)
	if err != nil {
		return nil, err
	}
	verified, err := overHTTP(ctx, public(func(context.Context, normalize.Batch) error { return nil }), 64, requests)
	if err != nil {
		return nil, err
	}
	return []Result{
		{What: "write of 4 KB and fdatasync on this disk, p50", Measured: millis(flush)},
		{What: "HTTP without work, 64 connections", Measured: perSecond(bare.rate())},
		{What: "HTTP, signature and JSON checked, nothing stored, 64 connections", Measured: perSecond(verified.rate())},
	}, nil
}

func (l *lab) flush() (p50 float64, err error) {
	f, err := os.Create(filepath.Join(l.dir, "flush"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	page := make([]byte, 4096)
	each := make([]time.Duration, l.flushes)
	for i := range each {
		begun := time.Now()
		if _, err := f.Write(page); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		each[i] = time.Since(begun)
	}
	slices.Sort(each)
	return float64(each[len(each)/2]), nil
}
