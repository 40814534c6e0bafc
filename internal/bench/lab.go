package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
)

// The engines of the store.
const (
	sqliteEngine   = "sqlite"
	postgresEngine = "postgres"
)

// lab is where the measurements take place: a folder, and a PostgreSQL server
// once one is needed.
type lab struct {
	sizes
	dir     string
	serial  int
	pg      *postgres
	profile string
	verbose func(format string, args ...any)
}

// newLab makes a folder on the disk that is to be measured: dir, or the
// system's folder for temporary files.
func newLab(s sizes, dir string, verbose func(string, ...any)) (*lab, error) {
	dir, err := os.MkdirTemp(dir, "deskbridge-bench-")
	if err != nil {
		return nil, err
	}
	return &lab{sizes: s, dir: dir, verbose: verbose}, nil
}

func (l *lab) close() error {
	if l.pg != nil {
		l.pg.stop()
	}
	return os.RemoveAll(l.dir)
}

// bench is one fresh store.
type bench struct {
	*store.DB
	url  string
	path string // of the database file; empty for PostgreSQL
}

// url returns the address of a store that does not exist yet.
func (l *lab) url(engine string) (url, path string, err error) {
	if engine == postgresEngine {
		if l.pg == nil {
			if l.pg, err = startPostgres(); err != nil {
				return "", "", err
			}
		}
		url, err = l.pg.database()
		return url, "", err
	}
	l.serial++
	path = filepath.Join(l.dir, fmt.Sprintf("bench-%d.db", l.serial))
	return "sqlite://" + path, path, nil
}

// fresh opens a new store with one channel, and one helpdesk that is told of
// every message.
func (l *lab) fresh(ctx context.Context, engine string) (*bench, error) {
	url, path, err := l.url(engine)
	if err != nil {
		return nil, err
	}
	db, err := openStore(ctx, url)
	if err != nil {
		return nil, err
	}
	return &bench{DB: db, url: url, path: path}, nil
}

func openStore(ctx context.Context, url string) (*store.DB, error) {
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return nil, err
	}
	if err := db.RegisterAccounts(ctx, []store.AccountRow{
		{Name: hookAccount, Role: store.RoleChannel, Type: "bench"},
		{Name: deskAccount, Role: store.RoleHelpdesk, Type: "bench", Wants: []normalize.EventType{normalize.MessageReceived}},
	}); err != nil {
		return nil, errors.Join(err, db.Close(ctx))
	}
	return db, nil
}

// finish checks that the store holds n messages and all that belongs to them,
// closes it and removes it. A broken run is a fast one, so no result counts
// without this.
func (b *bench) finish(ctx context.Context, n int) error {
	if err := b.DB.Close(ctx); err != nil {
		return err
	}
	if err := verify(ctx, b.url, n, true); err != nil {
		return err
	}
	return b.remove()
}

// analyze lets PostgreSQL look at what was filled in, as it does by itself a
// minute later.
func (b *bench) analyze(ctx context.Context) error {
	if b.path != "" {
		return nil
	}
	c, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "VACUUM ANALYZE")
	return errors.Join(err, c.Close(ctx))
}

func (b *bench) remove() error {
	if b.path == "" {
		return nil
	}
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(b.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// verify looks into a store from outside: each of n messages must stand there
// with its ledger row, its event, its forward job and, where raws are kept,
// its raw input.
func verify(ctx context.Context, url string, n int, raws bool) error {
	tables := []string{"messages", "ledger", "jobs", "events WHERE type = 'message.received'"}
	if raws {
		tables = append(tables, "raws")
	}
	for _, table := range tables {
		got, err := count(ctx, url, "SELECT count(*) FROM "+table)
		if err != nil {
			return err
		}
		if got != int64(n) {
			return fmt.Errorf("the store holds %d rows in %s after %d messages: the run was broken and its times mean nothing", got, table, n)
		}
	}
	odd, err := count(ctx, url, "SELECT count(*) FROM ledger WHERE outcome <> 'accepted' OR message_id = 0")
	if err == nil && odd != 0 {
		err = fmt.Errorf("%d of %d inputs were not accepted: the run was broken and its times mean nothing", odd, n)
	}
	return err
}

// count runs a query that returns one number.
func count(ctx context.Context, url, query string) (n int64, err error) {
	path, ok := sqlitePath(url)
	if !ok {
		c, err := pgx.Connect(ctx, url)
		if err != nil {
			return 0, err
		}
		err = c.QueryRow(ctx, query).Scan(&n)
		return n, errors.Join(err, c.Close(ctx))
	}
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return 0, err
	}
	err = sqlitex.ExecuteTransient(c, query, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		n = s.ColumnInt64(0)
		return nil
	}})
	return n, errors.Join(err, c.Close())
}
