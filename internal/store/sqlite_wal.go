package store

import (
	"bytes"
	"os"
	"sort"
)

// A write-ahead log that was restarted keeps its length; what was written since
// bears the salt of its header (https://sqlite.org/fileformat2.html#walformat).
const (
	walHeader = 32              // bytes; the salt is at 16
	walFrame  = 24 + sqlitePage // bytes; the salt is at 8
)

type walFile struct {
	file   *os.File
	salt   [8]byte
	frames int64 // as long as the file is
}

// openWAL opens the log of a database for a look. One that is not there is as
// good as an empty one.
func openWAL(path string) (w walFile) {
	file, err := os.Open(path + "-wal")
	if err != nil {
		return w
	}
	w.file = file
	info, err := file.Stat()
	if err != nil {
		return w
	}
	if _, err := file.ReadAt(w.salt[:], 16); err == nil {
		w.frames = (info.Size() - walHeader) / walFrame
	}
	return w
}

func (w walFile) close() {
	if w.file != nil {
		_ = w.file.Close() // it was only read; SQLite locks other files
	}
}

// holds reports whether the frame of this number, from 0, is in use.
func (w walFile) holds(frame int64) bool {
	var salt [8]byte
	if frame >= w.frames {
		return false
	}
	_, err := w.file.ReadAt(salt[:], walHeader+frame*walFrame+8)
	return err == nil && bytes.Equal(salt[:], w.salt[:])
}

// used returns how many bytes are in use.
func (w walFile) used() int64 {
	return int64(sort.Search(int(w.frames), func(i int) bool { return !w.holds(int64(i)) })) * walFrame
}

func (e *sqliteEngine) walSize() int64 {
	w := openWAL(e.path)
	defer w.close()
	return w.used()
}

// walReaches reports whether at least size bytes of the log are in use, which is
// asked after each commit.
func (e *sqliteEngine) walReaches(size int64) bool {
	if info, err := os.Stat(e.path + "-wal"); err != nil || info.Size() < size {
		return false
	}
	w := openWAL(e.path)
	defer w.close()
	return w.holds(size/walFrame - 1)
}
