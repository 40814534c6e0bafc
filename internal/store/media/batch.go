package media

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const (
	batchOpen  = 64 // files of a batch that are kept open at most
	batchSyncs = 32 // of its files and folders that are flushed at once: those that wait together share a commit of the journal
)

// Batch implements timeline.Files. Files that become durable together share
// the flushes of the file system's journal.
func (d *Dir) Batch() timeline.FileBatch { return &batch{dir: d} }

type batch struct {
	dir *Dir

	mu      sync.Mutex
	seen    map[string]bool // by digest
	written []written
	folders map[string]bool // to be synced
}

// written is a file that is complete but not flushed, under a name for the
// time being.
type written struct {
	file       *os.File
	temp, name string
}

// Write implements timeline.FileBatch.
func (b *batch) Write(ctx context.Context, content []byte, sum [sha256.Size]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	digest := hex.EncodeToString(sum[:])
	name, err := place(digest)
	if err != nil || b.has(digest) {
		return err
	}
	known, err := b.dir.knows(name, int64(len(content)))
	if err != nil {
		return err
	}
	if known {
		b.sync(name)
		return nil
	}
	w := written{temp: path.Join(incoming, rand.Text()), name: name}
	if w.file, err = b.dir.root.OpenFile(w.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return err
	}
	if _, err := w.file.Write(content); err != nil {
		return errors.Join(err, w.file.Close(), b.dir.root.Remove(w.temp))
	}
	return b.settle(b.add(w))
}

// has reports whether content was written before in this batch; it is from now
// on.
func (b *batch) has(digest string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen == nil {
		b.seen, b.folders = map[string]bool{}, map[string]bool{}
	}
	known := b.seen[digest]
	b.seen[digest] = true
	return known
}

func (b *batch) sync(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.folders[path.Dir(name)] = true
}

// add returns the files to be flushed now, where too many are open.
func (b *batch) add(w written) (full []written) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.folders[path.Dir(w.name)] = true
	b.written = append(b.written, w)
	if len(b.written) == batchOpen {
		full, b.written = b.written, nil
	}
	return full
}

// take returns the files that are not flushed.
func (b *batch) take() []written {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.written
	b.written = nil
	return list
}

// settle flushes files and moves them to their places.
func (b *batch) settle(list []written) error {
	err := atOnce(list, func(w written) error { return errors.Join(w.file.Sync(), w.file.Close()) })
	for i, w := range list {
		if err == nil {
			err = b.dir.settle(w.temp, w.name)
		}
		if err != nil {
			return errors.Join(err, b.remove(list[i:]))
		}
	}
	return nil
}

// Commit implements timeline.FileBatch.
func (b *batch) Commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.settle(b.take()); err != nil {
		return err
	}
	return b.dir.syncFolders(slices.Collect(maps.Keys(b.folders))...)
}

// Discard implements timeline.FileBatch.
func (b *batch) Discard() {
	list := b.take()
	for _, w := range list {
		_ = w.file.Close() // nobody reads it
	}
	_ = b.remove(list) // what stays is removed as a leftover
}

func (b *batch) remove(list []written) (err error) {
	for _, w := range list {
		err = errors.Join(err, b.dir.root.Remove(w.temp))
	}
	return err
}

func atOnce[T any](list []T, f func(T) error) error {
	var work errgroup.Group
	work.SetLimit(batchSyncs)
	for _, v := range list {
		work.Go(func() error { return f(v) })
	}
	return work.Wait()
}
