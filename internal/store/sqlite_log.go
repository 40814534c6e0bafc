package store

import (
	"context"
	"os"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const (
	// walLimit is the size of the write-ahead log at which it is emptied. The
	// file stays as long as it was, walLongest at most.
	walLimit   = 20_000 * walFrame
	walLongest = 2 * walLimit
	// scrubAgain is how soon the log is emptied after an erasure where readers
	// kept it from that.
	scrubAgain = time.Second
)

// sqliteLog is the state of the write-ahead log. Only the writer empties it: a
// checkpoint beside never catches up with it. But most of what is to be copied
// into the database can be copied beside, so that commits wait for the rest only.
type sqliteLog struct {
	limit int64         // walLimit, but for tests
	next  int64         // size at which to begin with the next checkpoint
	scrub time.Time     // when to try one whatever the size; zero for not
	ahead chan struct{} // closed when what is copied beside is copied; nil: nothing is
}

// afterCommit empties the log when it has grown large. A reader may hold the
// checkpoint back; then the log grows a little further until the next try.
func (e *sqliteEngine) afterCommit() {
	e.writing.Store(true)
	defer e.writing.Store(false)
	if e.write == nil {
		return
	}
	l := &e.log
	switch {
	case !l.scrub.IsZero() && !time.Now().Before(l.scrub):
		l.wait(context.Background())
	case !e.walReaches(l.next):
		return
	case l.ahead == nil:
		l.ahead = make(chan struct{})
		go e.copyLog(e.disk, l.ahead)
		return
	case !l.copied() && !e.walReaches(l.next+l.limit):
		return
	default:
		l.wait(context.Background())
	}
	mode := "RESTART" // to cut a long file takes longer than all the rest
	if !l.scrub.IsZero() {
		mode = "TRUNCATE"
	}
	held, err := checkpoint(e.write, mode)
	if err != nil || held {
		l.next = e.walSize() + l.limit/5
		if !l.scrub.IsZero() {
			l.scrub = time.Now().Add(scrubAgain)
		}
		return
	}
	l.next, l.scrub = l.limit, time.Time{}
}

// copied reports whether nothing is being copied any more.
func (l *sqliteLog) copied() bool {
	select {
	case <-l.ahead:
		return true
	default:
		return false
	}
}

// wait returns when nothing is being copied any more, or ctx has ended.
func (l *sqliteLog) wait(ctx context.Context) {
	if l.ahead == nil {
		return
	}
	select {
	case <-l.ahead:
		l.ahead = nil
	case <-ctx.Done():
	}
}

// copyLog copies what the log holds now into the database, as far as readers let
// it. Where that fails, there is more to do for the writer, which meets the same
// trouble and tells of it.
//
// SQLite flushes the database only where nothing was committed meanwhile, and
// that takes longer than the copying.
func (e *sqliteEngine) copyLog(disk *os.File, done chan<- struct{}) {
	defer close(done)
	c, err := e.open(context.Background(), "synchronous = FULL", "wal_autocheckpoint = 0", "query_only = ON", "cache_size = -256")
	if err != nil {
		return
	}
	_, _ = checkpoint(c, "PASSIVE")
	_ = c.Close() // it only copies
	_ = disk.Sync()
}

// checkpoint reports whether somebody held it back.
func checkpoint(c *sqlite.Conn, mode string) (held bool, err error) {
	err = sqlitex.ExecuteTransient(c, "PRAGMA wal_checkpoint("+mode+")", &sqlitex.ExecOptions{
		ResultFunc: func(s *sqlite.Stmt) error {
			held = s.ColumnInt(0) != 0
			return nil
		},
	})
	return held, err
}

// scrub has the log emptied after this commit, or as soon after it as the
// readers let us: it holds pages as they were.
func (e *sqliteEngine) scrub() { e.log.scrub = time.Now() }
