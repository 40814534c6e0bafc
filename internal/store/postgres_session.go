package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// postgresSession collects writes and sends them with the next query, so that
// a transaction takes as many round trips as it has points where it looks at
// what it read.
type postgresSession struct {
	ctx        context.Context
	conn       *pgx.Conn
	batch      *pgx.Batch
	readOnly   bool
	committing bool
	err        error
}

func (s *postgresSession) exec(sql string, args ...any) {
	if s.err != nil {
		return
	}
	if s.readOnly {
		s.err = errReadOnly
		return
	}
	a, err := bindAll(args)
	if err != nil {
		s.err = err
		return
	}
	s.batch.Queue(postgresDialect.text(sql), a...)
}

func (s *postgresSession) query(sql string, args []any, f func(r row) error) error {
	return s.flush(sql, [][]any{args}, func(_ int, r row) error { return f(r) })
}

func (s *postgresSession) each(sql string, args [][]any, f func(i int, r row) error) error {
	if len(args) == 0 {
		return s.err
	}
	return s.flush(sql, args, f)
}

// flush sends the writes that wait and then sql once for each set of
// arguments.
func (s *postgresSession) flush(sql string, argss [][]any, f func(i int, r row) error) error {
	if s.err != nil {
		return s.err
	}
	writes := s.batch.QueuedQueries
	text := postgresDialect.text(sql)
	for _, args := range argss {
		a, err := bindAll(args)
		if err != nil {
			s.err = err
			return err
		}
		s.batch.Queue(text, a...)
	}
	b := s.batch
	s.batch = &pgx.Batch{}
	res := s.conn.SendBatch(s.ctx, b)
	err := s.results(res, writes, len(argss), text, f)
	cerr := res.Close()
	if err == nil {
		err = cerr
	}
	var r refusal
	if err != nil && !errors.As(err, &r) {
		s.err = err
	}
	return err
}

func (s *postgresSession) results(res pgx.BatchResults, writes []*pgx.QueuedQuery, n int, text string, f func(i int, r row) error) error {
	for _, w := range writes {
		tag, err := res.Exec()
		if err != nil {
			return fmt.Errorf("%.80q: %w", w.SQL, err)
		}
		if w.SQL == "COMMIT" && tag.String() != "COMMIT" {
			return fmt.Errorf("the database answered COMMIT with %s", tag)
		}
	}
	for i := range n {
		if err := s.rows(res, i, text, f); err != nil {
			return err
		}
	}
	return nil
}

func (s *postgresSession) rows(res pgx.BatchResults, i int, text string, f func(i int, r row) error) error {
	rows, err := res.Query()
	if err != nil {
		return fmt.Errorf("%.80q: %w", text, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(i, postgresRow{rows}); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%.80q: %w", text, err)
	}
	return nil
}

type postgresRow struct{ rows pgx.Rows }

// scan lets pgx fill plain variables and converts from them.
func (r postgresRow) scan(dest ...any) error {
	c := postgresColumns{values: make([]any, len(dest))}
	for i, d := range dest {
		switch d := d.(type) {
		case *[]byte:
			c.values[i] = new([]byte)
		default:
			if isText(d) {
				c.values[i] = new(string)
			} else {
				c.values[i] = new(int64)
			}
		}
	}
	if err := r.rows.Scan(c.values...); err != nil {
		return err
	}
	return scanInto(c, dest)
}

type postgresColumns struct{ values []any }

func (c postgresColumns) integer(i int) int64 { return *c.values[i].(*int64) }
func (c postgresColumns) text(i int) string   { return *c.values[i].(*string) }
func (c postgresColumns) blob(i int) []byte   { return *c.values[i].(*[]byte) }
