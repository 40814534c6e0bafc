package store

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"zombiezen.com/go/sqlite"
)

// sqliteSession runs statements on one connection.
type sqliteSession struct {
	conn     *sqlite.Conn
	readOnly bool
	err      error // the first failed exec
}

// protect turns a panic of f into an error, so that the transaction is rolled
// back and the process goes on.
func (s *sqliteSession) protect(f func(session) error) error { return protect(f, s) }

func protect(f func(session) error, s session) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return f(s)
}

// begin starts a write transaction, waiting for another process that has one.
func (s *sqliteSession) begin(ctx context.Context) error {
	for end := time.Now().Add(sqliteBusy); ; {
		err := s.run("BEGIN IMMEDIATE")
		if sqlite.ErrCode(err).ToPrimary() != sqlite.ResultBusy || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
	}
}

// run executes a statement without arguments, such as COMMIT.
func (s *sqliteSession) run(sql string) error {
	st, err := s.conn.Prepare(sql)
	if err != nil {
		return err
	}
	_, err = st.Step()
	if rerr := st.Reset(); err == nil {
		err = rerr
	}
	return err
}

func (s *sqliteSession) exec(sql string, args ...any) {
	if s.err != nil {
		return
	}
	if s.readOnly {
		s.err = errReadOnly
		return
	}
	s.err = s.step(sqliteDialect.text(sql), args, nil)
}

func (s *sqliteSession) query(sql string, args []any, f func(r row) error) error {
	if s.err != nil {
		return s.err
	}
	return s.step(sqliteDialect.text(sql), args, f)
}

func (s *sqliteSession) each(sql string, args [][]any, f func(i int, r row) error) error {
	if s.err != nil {
		return s.err
	}
	text := sqliteDialect.text(sql)
	for i, a := range args {
		if err := s.step(text, a, func(r row) error { return f(i, r) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *sqliteSession) find(l *lookup, args [][]any, f func(i int, r row) error) error {
	return s.each(l.single, args, f)
}

func (s *sqliteSession) insert(in *insert, row ...any) { s.exec(in.single, row...) }

// step runs one statement to its end.
func (s *sqliteSession) step(text string, args []any, f func(r row) error) (err error) {
	st, err := s.conn.Prepare(text)
	if err != nil {
		return fmt.Errorf("prepare %.80q: %w", text, err)
	}
	for i, a := range args {
		v, err := bind(a)
		if err != nil {
			return err
		}
		switch v := v.(type) {
		case int64:
			st.BindInt64(i+1, v)
		case string:
			st.BindText(i+1, v)
		case []byte:
			st.BindBytes(i+1, v)
		}
	}
	defer func() {
		if rerr := st.Reset(); err == nil && rerr != nil {
			err = rerr
		}
	}()
	for {
		more, err := st.Step()
		if err != nil {
			return fmt.Errorf("%.80q: %w", text, err)
		}
		if !more {
			return nil
		}
		if f == nil {
			continue
		}
		if err := f(sqliteRow{st}); err != nil {
			return err
		}
	}
}

type sqliteRow struct{ st *sqlite.Stmt }

func (r sqliteRow) scan(dest ...any) error { return scanInto(r, dest) }

func (r sqliteRow) integer(i int) int64 { return r.st.ColumnInt64(i) }
func (r sqliteRow) text(i int) string   { return r.st.ColumnText(i) }
func (r sqliteRow) blob(i int) []byte {
	b := make([]byte, r.st.ColumnLen(i))
	r.st.ColumnBytes(i, b)
	return b
}
