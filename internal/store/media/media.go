// Package media keeps files under the SHA-256 of their content: attachments,
// recordings, large raw inputs. The same content is one file, whoever brings
// it. A file is durable, its name in its folder included, before Put or the
// Commit of a batch returns, so that a row of the database never points to
// nothing.
package media

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"time"
)

// ErrBadDigest is returned for a digest that is not 64 hex digits.
var ErrBadDigest = errors.New("not the SHA-256 of a medium")

const (
	incoming = "incoming" // files that are still being written
	// leftover is the age at which such a file belongs to nobody any more.
	leftover = 24 * time.Hour
	// young is for how long content that was just asked for is not removed: the
	// row that points to it may be about to be committed.
	young = time.Hour
)

// Dir is a media folder. Several processes may use one at the same time.
type Dir struct {
	root *os.Root
	kept folders
}

// Open opens the folder, making it where it does not exist.
func Open(dir string) (*Dir, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if err := root.MkdirAll(incoming, 0o700); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	d := &Dir{root: root}
	if err := d.removeLeftovers(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return d, nil
}

// removeLeftovers removes what writers that were killed left behind.
func (d *Dir) removeLeftovers() error {
	list, err := fs.ReadDir(d.root.FS(), incoming)
	if err != nil {
		return err
	}
	for _, e := range list {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < leftover {
			continue
		}
		if err := d.root.Remove(path.Join(incoming, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Close closes the folder.
func (d *Dir) Close() error { return d.root.Close() }

// place is where the content with a digest stands.
func place(digest string) (string, error) {
	if b, err := hex.DecodeString(digest); err != nil || len(b) != sha256.Size {
		return "", ErrBadDigest
	}
	return path.Join(digest[:2], digest[2:4], digest), nil
}

// Put stores what r reads as and returns its SHA-256 in hex and its size in
// bytes. The caller bounds r. Where r fails, nothing is stored and its error
// comes back wrapped.
func (d *Dir) Put(ctx context.Context, r io.Reader) (digest string, size int64, err error) {
	temp := path.Join(incoming, rand.Text())
	f, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", 0, err
	}
	sum := sha256.New()
	size, err = io.Copy(io.MultiWriter(f, sum), reader{ctx, r})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", 0, errors.Join(err, d.root.Remove(temp))
	}
	digest = hexSum(sum)
	name, err := place(digest)
	if err == nil {
		err = d.settle(temp, name)
	}
	if err == nil {
		err = d.syncFolders(path.Dir(name))
	}
	if err != nil {
		return "", 0, err
	}
	return digest, size, nil
}

// settle moves a complete file to its place, unless its content is there
// already. Its folder is yet to be synced.
func (d *Dir) settle(temp, name string) error {
	known, err := d.touch(name)
	if err != nil {
		return err
	}
	if known {
		return d.root.Remove(temp)
	}
	if d.kept.has(path.Dir(name)) {
		if err := d.root.Rename(temp, name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		d.kept.forget() // somebody tidied up
	}
	if err := d.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	return d.root.Rename(temp, name)
}

// touch reports whether a file is there, and keeps it young.
func (d *Dir) touch(name string) (bool, error) {
	now := time.Now()
	err := d.root.Chtimes(name, now, now)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// knows reports whether content of this size is there, and keeps it young.
func (d *Dir) knows(name string, size int64) (bool, error) {
	st, err := d.root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || st.Size() != size {
		return false, err
	}
	return d.touch(name)
}

// syncFolders makes the names in folders durable, also for a file that was there,
// since whoever is writing it may not be done. The folders around them may be new
// as well, unless they are known to be durable.
func (d *Dir) syncFolders(folders ...string) error {
	wanted := map[string]bool{}
	for _, at := range folders {
		wanted[at] = true
		for ; at != "." && !d.kept.has(at); at = path.Dir(at) {
			wanted[path.Dir(at)] = true
		}
	}
	list := slices.Collect(maps.Keys(wanted))
	err := atOnce(list, func(at string) error {
		f, err := d.root.Open(at)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
	if err == nil {
		d.kept.add(list)
	}
	return err
}

// Open opens the content with a digest; fs.ErrNotExist where there is none.
func (d *Dir) Open(_ context.Context, digest string) (io.ReadCloser, error) {
	name, err := place(digest)
	if err != nil {
		return nil, err
	}
	return d.root.Open(name)
}

// Remove deletes the content with a digest; that there is none is no error.
// Content that was stored within the last hour stays, since somebody may be
// about to refer to it.
func (d *Dir) Remove(_ context.Context, digest string) error {
	name, err := place(digest)
	if err != nil {
		return err
	}
	st, err := d.root.Stat(name)
	if err == nil && time.Since(st.ModTime()) < young {
		return nil
	}
	if err == nil {
		err = d.root.Remove(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Read returns the content with a digest, checked against it; it implements
// timeline.Files.
func (d *Dir) Read(ctx context.Context, digest string) ([]byte, error) {
	f, err := d.Open(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(reader{ctx, f})
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("medium %s is damaged: its content does not fit its name", digest)
	}
	return b, nil
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
