package email

import (
	"context"
	"errors"
	"testing"

	"github.com/deskbridge/deskbridge/normalize"
)

var errDiskFull = errors.New("disk full")

// stagedInbox is an inbox that prepares batches ahead. It refuses the commit of
// a batch when it has so many inputs.
type stagedInbox struct {
	*inbox
	full         int
	open, staged int // batches that wait for their commit, and all
	ahead        int // the most that waited at once
}

func (b *stagedInbox) Stage(_ context.Context, batch normalize.Batch) (func(context.Context) error, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open++
	b.staged++
	b.ahead = max(b.ahead, b.open)
	return func(ctx context.Context) error {
		b.mu.Lock()
		full := len(b.inputs) >= b.full
		b.open--
		b.mu.Unlock()
		if full {
			return errDiskFull
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return b.Sink(ctx, batch)
	}, nil
}

// Batches that are prepared ahead are committed in the order in which they were
// fetched, and those behind one that failed are given up, none forgotten.
func TestNothingIsCommittedBehindABatchThatFailed(t *testing.T) {
	e, s := onSimulator(t)
	deliver(t, s, 0, 5*batchMails)
	b := &stagedInbox{inbox: &inbox{}, full: 2 * batchMails}
	if err := e.Stream(t.Context(), b); !errors.Is(err, errDiskFull) {
		t.Errorf("the stream ended with %v", err)
	}
	if b.open != 0 || b.staged < 3 || b.ahead > 3 {
		t.Errorf("of %d batches %d were forgotten; %d waited at once", b.staged, b.open, b.ahead)
	}
	b.full = 5*batchMails + 1
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Stream(ctx, b) }()
	eventually(t, "all mails are taken in", func() bool { return b.count() == 5*batchMails })
	stop()
	<-ended
	for i, in := range b.all() {
		if got, want := uidOf(in), uint32(i+1); got != want {
			t.Fatalf("input %d has UID %d", i, got)
		}
	}
}

// heedless is an inbox without Stage that heeds no context.
type heedless struct{ *inbox }

func (b heedless) Sink(ctx context.Context, batch normalize.Batch) error {
	return b.inbox.Sink(context.WithoutCancel(ctx), batch)
}

// Such an inbox gets nothing behind a batch that failed, either.
func TestAPlainInboxGetsNothingOnceTheStreamHasEnded(t *testing.T) {
	b := heedless{&inbox{}}
	ctx, end := context.WithCancel(t.Context())
	c := stage(ctx, b, normalize.Batch{Inputs: make([]normalize.Input, 1)})
	end()
	if err := c(ctx); !errors.Is(err, context.Canceled) || b.count() != 0 {
		t.Errorf("%v, %d mails", err, b.count())
	}
}
