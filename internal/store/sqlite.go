package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const (
	// sqliteReaders bounds the reads that may hold back a checkpoint, and
	// sqliteReadTime bounds each of them.
	sqliteReaders  = 4
	sqliteReadTime = 30 * time.Second
	// sqliteBusy is how long we wait for another process that is writing. We
	// ask again after each sqliteAsk, since SQLite's own wait knows no context.
	sqliteBusy = 10 * time.Second
	sqliteAsk  = 50 * time.Millisecond

	sqlitePage = 4096
)

// sqliteEngine owns one writing connection and a few reading ones.
type sqliteEngine struct {
	path string

	write   *sqlite.Conn  // nil: to be opened again
	file    os.FileInfo   // the database that write has open
	disk    *os.File      // file, for flushing; closed after all connections, since that drops the locks of the process
	halt    chan struct{} // closing it interrupts write; nil: to be made
	log     sqliteLog     // the write-ahead log; of the writer alone
	writing atomic.Bool   // write is in use

	readers chan *sqlite.Conn // nil: to be opened when taken
	mu      sync.Mutex
	closed  bool
}

func openSQLite(ctx context.Context, path string, create bool) (*sqliteEngine, error) {
	if create {
		// Customers' words: nobody else's business. The log files take the mode
		// of the database.
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	} else if _, err := os.Stat(path); err != nil {
		return nil, err // SQLite does not say that it is missing
	}
	e := &sqliteEngine{path: path, log: sqliteLog{limit: walLimit, next: walLimit}, readers: make(chan *sqlite.Conn, sqliteReaders)}
	for range sqliteReaders {
		e.readers <- nil
	}
	if err := e.reopen(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *sqliteEngine) dialect() *dialect { return sqliteDialect }

// open opens a connection. Settings hold for one connection, so all are made
// here.
func (e *sqliteEngine) open(ctx context.Context, settings ...string) (*sqlite.Conn, error) {
	c, err := sqlite.OpenConn(e.path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", e.path, err)
	}
	c.SetBusyTimeout(sqliteBusy) // the settings may wait for a recovery
	c.SetInterrupt(ctx.Done())
	for _, s := range settings {
		if err := sqlitex.ExecuteTransient(c, "PRAGMA "+s, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %s: %w", e.path, s, err), c.Close())
		}
	}
	c.SetInterrupt(nil)
	c.SetBusyTimeout(sqliteAsk)
	return c, nil
}

// reopen gives the engine a fresh writing connection.
func (e *sqliteEngine) reopen(ctx context.Context) error {
	if e.write != nil {
		_ = e.write.Close() // it is broken; what it says of that is of no use
		e.write = nil
	}
	c, err := e.open(ctx,
		"page_size = 4096", // the page size must stand before the first page
		"journal_mode = WAL",
		"synchronous = FULL", // an acknowledged message survives a power cut
		"wal_autocheckpoint = 0",
		"journal_size_limit = "+strconv.Itoa(walLongest),
		"foreign_keys = OFF",
		"secure_delete = ON", // what is erased is overwritten, not only unlinked
		"cache_size = -65536",
		"temp_store = MEMORY")
	if err != nil {
		return err
	}
	file, err := os.Stat(e.path)
	if err == nil && (e.disk == nil || !os.SameFile(file, e.file)) {
		if e.disk != nil {
			_ = e.disk.Close() // of a file that is no longer ours
		}
		e.disk, err = os.Open(e.path)
	}
	if err != nil {
		return errors.Join(err, c.Close())
	}
	e.write, e.file, e.halt = c, file, nil
	return nil
}

// writer returns the writing connection. A commit into a file that somebody
// removed or replaced would be lost, so the name is looked up each time.
func (e *sqliteEngine) writer(ctx context.Context) (*sqlite.Conn, error) {
	e.mu.Lock()
	closed := e.closed
	e.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	now, err := os.Stat(e.path)
	if err != nil {
		return nil, trouble{err}
	}
	if e.write == nil || !os.SameFile(now, e.file) {
		if e.write != nil {
			e.dropReaders()
		}
		if err := e.reopen(ctx); err != nil {
			return nil, trouble{err}
		}
	}
	return e.write, nil
}

func (e *sqliteEngine) update(ctx context.Context, f func(session) error) (err error) {
	e.writing.Store(true)
	defer e.writing.Store(false)
	c, err := e.writer(ctx)
	if err != nil {
		return err
	}
	defer e.interruptible(ctx, c)()
	s := &sqliteSession{conn: c}
	if err := s.begin(ctx); err != nil {
		return e.diagnose(err)
	}
	if err := errors.Join(s.protect(f), s.err); err != nil {
		return e.rollback(s, err)
	}
	if err := s.run("COMMIT"); err != nil {
		err = e.rollback(s, err)
		if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultBusy {
			return trouble{err}
		}
		return trouble{errors.Join(errUnknownCommit, err)}
	}
	return nil
}

// interruptible lets the end of ctx interrupt what the connection does until
// the returned function is called. The connection's own way to do that starts
// a goroutine and waits for the last one, which costs a busy writer its turn;
// so it is set up once and used for many transactions.
func (e *sqliteEngine) interruptible(ctx context.Context, c *sqlite.Conn) (stop func()) {
	if e.halt == nil {
		e.halt = make(chan struct{})
		c.SetInterrupt(e.halt)
	}
	halt := e.halt
	cancel := context.AfterFunc(ctx, func() { close(halt) })
	return func() {
		if !cancel() {
			e.halt = nil // used up
		}
	}
}

// rollback ends a transaction that failed with err.
func (e *sqliteEngine) rollback(s *sqliteSession, err error) error {
	err = e.diagnose(err)
	e.halt = nil
	if e.write == nil {
		return err // the connection was closed, which rolls back
	}
	s.conn.SetInterrupt(nil)
	if !s.conn.AutocommitEnabled() {
		if rerr := s.run("ROLLBACK"); rerr != nil || !s.conn.AutocommitEnabled() {
			e.discard()
			return trouble{errors.Join(err, rerr)}
		}
	}
	return err
}

// diagnose marks an error of the database itself and gives up a connection
// that such an error leaves in doubt.
func (e *sqliteEngine) diagnose(err error) error {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultCorrupt, sqlite.ResultNotADB, sqlite.ResultCantOpen,
		sqlite.ResultReadOnly, sqlite.ResultProtocol, sqlite.ResultMisuse, sqlite.ResultNoMem:
		defer e.discard()
		return trouble{err}
	case sqlite.ResultFull, sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultInterrupt:
		return trouble{err}
	}
	return err
}

// discard closes the writing connection; the next transaction opens another.
func (e *sqliteEngine) discard() {
	if e.write != nil {
		_ = e.write.Close() // what was wrong with it was said before
		e.write = nil
	}
}

func (e *sqliteEngine) view(ctx context.Context, f func(session) error) error {
	ctx, cancel := context.WithTimeout(ctx, sqliteReadTime)
	defer cancel()
	c, err := e.reader(ctx)
	if err != nil {
		return err
	}
	c.SetInterrupt(ctx.Done())
	s := &sqliteSession{conn: c, readOnly: true}
	err = s.run("BEGIN")
	if err == nil {
		err = errors.Join(s.protect(f), s.err)
		c.SetInterrupt(nil)
		if rerr := s.run("ROLLBACK"); rerr != nil {
			err = errors.Join(err, rerr, c.Close())
			c = nil
		}
	}
	if c != nil {
		c.SetInterrupt(nil)
	}
	e.release(c)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("read: %w", ctx.Err())
	}
	return err
}

func (e *sqliteEngine) reader(ctx context.Context) (*sqlite.Conn, error) {
	select {
	case c, ok := <-e.readers:
		if !ok {
			return nil, ErrClosed
		}
		if c != nil {
			return c, nil
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := e.open(ctx, "query_only = ON", "cache_size = -4096", "foreign_keys = OFF", "temp_store = MEMORY")
	if err != nil {
		e.release(nil)
		return nil, err
	}
	return c, nil
}

func (e *sqliteEngine) release(c *sqlite.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		if c != nil {
			_ = c.Close() // it only reads
		}
		return
	}
	e.readers <- c
}

// dropReaders closes the idle readers, so that they open the new file.
func (e *sqliteEngine) dropReaders() {
	for range sqliteReaders {
		select {
		case c := <-e.readers:
			if c != nil {
				_ = c.Close() // it only reads
			}
			e.readers <- nil
		default:
			return
		}
	}
}

func (e *sqliteEngine) stats(context.Context) (Stats, error) {
	info, err := os.Stat(e.path)
	if err != nil {
		return Stats{}, err
	}
	return Stats{Engine: "sqlite", Bytes: info.Size(), WAL: e.walSize()}, nil
}

// close ends all connections. The writer must have stopped, or be stuck for
// longer than we wait; then its connection is left to the end of the process.
func (e *sqliteEngine) close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	var errs []error
	for range sqliteReaders {
		select {
		case c := <-e.readers:
			if c != nil {
				errs = append(errs, c.Close())
			}
		default:
		}
	}
	if !e.writing.Load() {
		e.log.wait(ctx)
		if e.write != nil {
			errs = append(errs, e.write.Close())
		}
		if e.disk != nil {
			errs = append(errs, e.disk.Close())
		}
		e.write, e.disk = nil, nil
	}
	return errors.Join(errs...)
}
