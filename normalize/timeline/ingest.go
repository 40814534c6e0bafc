// Package timeline turns what arrives into customers' timelines, and what
// agents answer into durable work.
//
// An input is decoded by itself, so that one that cannot be read harms no
// other, and ends in a ledger row with an outcome whatever happens. A batch is
// committed as a whole with the cursors of its source; the caller tells the
// vendor only after Take has returned nil.
package timeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/deskbridge/deskbridge/normalize"
)

// Decoder is the part of a channel that says what an input is. Several
// goroutines may ask it at once, and each gets an item of its own.
type Decoder interface {
	Decode(in normalize.Input) (normalize.Item, error)
}

// Peeker is a Decoder that can say who an input is from, and what about, where
// Decode cannot read it: enough for a stub on that customer's timeline.
type Peeker interface {
	// Peek returns a message with Address, Subject, SentAt and Thread at most,
	// or nil.
	Peek(in normalize.Input) *normalize.Message
}

// Files is the media store.
type Files interface {
	// Batch returns an empty batch.
	Batch() FileBatch
	// Read returns the content under a digest.
	Read(ctx context.Context, digest string) ([]byte, error)
}

// FileBatch are files that become durable together, which takes far less
// waiting for the disk than one by one. Several goroutines may write at once.
type FileBatch interface {
	// Write takes content with its SHA-256, which the caller has made. It is
	// not durable, and may not be found, until Commit has returned nil.
	Write(ctx context.Context, content []byte, digest [sha256.Size]byte) error
	// Commit makes durable what was written.
	Commit(ctx context.Context) error
	// Discard gives up what was not committed.
	Discard()
}

// Source is the account that a batch comes from.
type Source struct {
	Account normalize.Account
	Decoder Decoder
	// Fence is the token of the account's lease; 0 where none is needed.
	Fence int64
}

// Observer is told what became of each input, for the metrics.
type Observer func(account string, r Result)

// Ingestor takes in what channels hand over.
type Ingestor struct {
	Store Store
	Files Files
	Log   *slog.Logger
	Now   func() time.Time
	// IdleTimeout of conversations, see Ingest; it may change.
	IdleTimeout func() time.Duration
	Observe     Observer
}

// Take decodes and commits a batch. When it returns nil, every input of the
// batch has a row in the ledger and the cursors are moved.
func (g *Ingestor) Take(ctx context.Context, src Source, b normalize.Batch) error {
	commit, err := g.Prepare(ctx, src, b)
	if err != nil {
		return err
	}
	return commit(ctx)
}

// Prepare does the part of Take that needs nothing of what was taken before:
// it decodes, several inputs at once. The function that it returns does the
// rest, and is called once whatever happens: where its context has ended, it
// only cleans up.
func (g *Ingestor) Prepare(ctx context.Context, src Source, b normalize.Batch) (commit func(context.Context) error, err error) {
	now := g.Now()
	in := Ingest{Account: src.Account.Name, Fence: src.Fence, Cursors: b.Cursors, Now: now, IdleTimeout: g.IdleTimeout()}
	files := g.Files.Batch()
	if in.Entries, err = g.entries(ctx, src, files, b.Inputs, now); err != nil {
		files.Discard()
		return nil, err
	}
	staged, err := g.stage(ctx, in, files)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, err := staged(ctx)
		return err
	}, nil
}

// stage makes entries ready for the store, and their files durable beside. The
// function that it returns commits, and is called once whatever happens.
func (g *Ingestor) stage(ctx context.Context, in Ingest, files FileBatch) (commit func(context.Context) ([]Result, error), err error) {
	// The batch before may still be on its way; the disk can do both at once.
	flushed := make(chan error, 1)
	go func() { flushed <- files.Commit(ctx) }()
	staged, err := g.Store.Stage(in)
	if err != nil {
		err = errors.Join(err, <-flushed)
		files.Discard()
		return nil, fmt.Errorf("make %d inputs of %s ready: %w", len(in.Entries), in.Account, err)
	}
	return func(ctx context.Context) ([]Result, error) {
		defer files.Discard()
		if err := <-flushed; err != nil {
			return nil, fmt.Errorf("store the files of %d inputs of %s: %w", len(in.Entries), in.Account, err)
		}
		results, err := staged(ctx)
		if err != nil {
			return nil, fmt.Errorf("commit of %d inputs of %s: %w", len(in.Entries), in.Account, err)
		}
		g.report(in, results)
		return results, nil
	}, nil
}

// entries makes an entry of each input, in their order.
func (g *Ingestor) entries(ctx context.Context, src Source, files FileBatch, inputs []normalize.Input, now time.Time) ([]Entry, error) {
	list := make([]Entry, len(inputs))
	held := sync.OnceValues(func() (map[int64]bool, error) {
		var sizes []int64
		for _, in := range inputs {
			if len(in.Raw) > carveFrom*4/3 {
				sizes = append(sizes, int64(len(in.Raw)))
			}
		}
		return g.Store.Quarantined(ctx, src.Account.Name, sizes)
	})
	if len(inputs) == 1 {
		var err error
		list[0], err = g.entry(ctx, src, files, held, inputs[0], now)
		return list, err
	}
	// As many at once as there are processors: more would only take memory.
	var next atomic.Int64
	work, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(inputs)) {
		work.Go(func() (err error) {
			for i := next.Add(1) - 1; err == nil && i < int64(len(inputs)); i = next.Add(1) - 1 {
				if err = ctx.Err(); err == nil {
					list[i], err = g.entry(ctx, src, files, held, inputs[i], now)
				}
			}
			return err
		})
	}
	return list, work.Wait()
}

// Replay decodes an input of the ledger again. What it makes takes the place
// of the stub, if there is one.
func (g *Ingestor) Replay(ctx context.Context, src Source, ledger normalize.ID) (Result, error) {
	account, raw, err := g.Store.LedgerRaw(ctx, ledger)
	if err != nil {
		return Result{}, err
	}
	if account != src.Account.Name {
		return Result{}, fmt.Errorf("ledger entry %s belongs to account %q, not %q", ledger, account, src.Account.Name)
	}
	input, err := g.unpack(ctx, raw)
	if err != nil {
		return Result{}, err
	}
	now := g.Now()
	input.ReceivedAt = stamp(input.ReceivedAt, now)
	files := g.Files.Batch()
	e, _, err := g.understand(ctx, src, files, input, digestOf(input.Raw), now)
	if err != nil {
		files.Discard()
		return Result{}, err
	}
	e.Replay, e.Input = ledger, raw // as it is kept, it stays
	e.Input.ReceivedAt = input.ReceivedAt
	in := Ingest{Account: account, Fence: src.Fence, Entries: []Entry{e}, Now: now, IdleTimeout: g.IdleTimeout()}
	commit, err := g.stage(ctx, in, files)
	if err != nil {
		return Result{}, err
	}
	results, err := commit(ctx)
	if err != nil {
		return Result{}, err
	}
	return results[0], nil
}

func (g *Ingestor) report(in Ingest, results []Result) {
	for i, r := range results {
		if g.Observe != nil {
			g.Observe(in.Account, r)
		}
		if r.Outcome == normalize.Quarantined {
			g.Log.Warn("input quarantined", "account", in.Account, "ledger", r.Ledger, "input", in.Entries[i].Input.Key, "reason", r.Reason)
		}
	}
}

// entry decodes one input and stores what goes into files. It fails only where
// our own storage does.
func (g *Ingestor) entry(ctx context.Context, src Source, files FileBatch, held quarantine, in normalize.Input, now time.Time) (Entry, error) {
	in.ReceivedAt = stamp(in.ReceivedAt, now)
	digest := digestOf(in.Raw)
	e, carries, err := g.understand(ctx, src, files, in, digest, now)
	if err != nil {
		return Entry{}, err
	}
	e.Input, err = packRaw(ctx, files, held, in, digest, carries)
	return e, err
}

// digestOf returns a function that makes the digest when it is first asked for.
func digestOf(raw []byte) func() [32]byte {
	return sync.OnceValue(func() [32]byte { return sha256.Sum256(raw) })
}

// understand makes an entry of an input, all but its raw form, and returns the
// files of the message that it is.
func (g *Ingestor) understand(ctx context.Context, src Source, files FileBatch, in normalize.Input, digest func() [32]byte, now time.Time) (e Entry, carries []carried, err error) {
	e.Outcome = normalize.Accepted
	item, err := decode(src, in, digest, now)
	if p, ok := errors.AsType[*panicked](err); ok {
		g.Log.Error("decoder panicked", "account", src.Account.Name, "input", in.Key, "panic", p.value, "stack", p.stack)
	}
	switch it := item.(type) {
	case nil:
		e.Outcome, e.Reason = normalize.Quarantined, reason(err)
		if stub := stub(src, in, e.Reason, digest, now); stub != nil {
			e.Item = stub
		}
		return e, nil, nil
	case *normalize.Ignored:
		e.Outcome, e.Reason = normalize.Disregarded, it.Reason
		return e, nil, nil
	case *normalize.Message:
		carries, err = keepMedia(ctx, files, it.Parts)
	case *normalize.Supplement:
		_, err = keepMedia(ctx, files, []normalize.Part{it.Part})
	}
	e.Item = item
	return e, carries, err
}

// keepMedia stores the files that parts hold, and returns them.
func keepMedia(ctx context.Context, files FileBatch, parts []normalize.Part) (kept []carried, err error) {
	for i := range parts {
		media := parts[i].Media
		if media == nil || media.Data == nil {
			continue
		}
		digest := sha256.Sum256(media.Data)
		if err := files.Write(ctx, media.Data, digest); err != nil {
			return nil, fmt.Errorf("store a medium: %w", err)
		}
		kept = append(kept, carried{media.Data, digest})
		media.SHA256, media.Size, media.Data = hex.EncodeToString(digest[:]), int64(len(media.Data)), nil
	}
	return kept, nil
}

// decode says what an input is, in a form that the store can keep, or else
// returns an error and no item. A panic, of the decoder or over what it
// returned, harms this input alone.
func decode(src Source, in normalize.Input, digest func() [32]byte, now time.Time) (item normalize.Item, err error) {
	if in.Refused != "" {
		return nil, errors.New(in.Refused)
	}
	defer func() {
		if v := recover(); v != nil {
			item, err = nil, &panicked{value: fmt.Sprintf("%T", v), stack: string(debug.Stack())}
		}
	}()
	if item, err = src.Decoder.Decode(in); err != nil {
		return nil, err // whatever came with it is not to be trusted
	}
	return check(item, in, src.Account, digest, now)
}

// panicked keeps the kind of a panic and where it was, but not its words:
// these may quote the input.
type panicked struct{ value, stack string }

func (p *panicked) Error() string { return "panic: the decoder failed on this input" }

// stub is what stands on the timeline for an input that could not be read.
func stub(src Source, in normalize.Input, reason string, digest func() [32]byte, now time.Time) (m *normalize.Message) {
	p, ok := src.Decoder.(Peeker)
	if !ok {
		return nil
	}
	defer func() {
		if recover() != nil {
			m = nil
		}
	}()
	m = p.Peek(in)
	if m == nil {
		return nil
	}
	m.Parts, m.Text, m.FullText, m.HTML = nil, "", "", ""
	m.Unreadable = reason
	if checkMessage(m, in, src.Account, digest, now) != nil {
		return nil
	}
	return m
}
