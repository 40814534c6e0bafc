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

	waiting map[*insert]arrays // that wait to be inserted
	order   []*insert
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
	s.queueInserts()
	s.batch.Queue(postgresDialect.text(sql), a...)
}

func (s *postgresSession) insert(in *insert, row ...any) {
	if s.err == nil && s.readOnly {
		s.err = errReadOnly
	}
	if s.err != nil {
		return
	}
	a, ok := s.waiting[in]
	if !ok {
		if s.waiting == nil {
			s.waiting = map[*insert]arrays{}
		}
		a = newArrays(in.types, 16)
		s.waiting[in], s.order = a, append(s.order, in)
	}
	s.err = a.add(row)
}

// queueInserts turns the rows that wait into statements.
func (s *postgresSession) queueInserts() {
	for _, in := range s.order {
		s.batch.Queue(in.bulk, s.waiting[in]...)
	}
	s.waiting, s.order = nil, nil
}

// find asks for all values at once. Each row comes with the number of the
// values that it was found by.
func (s *postgresSession) find(l *lookup, list [][]any, f func(i int, r row) error) error {
	if len(list) < 2 {
		return s.each(l.single, list, f)
	}
	a := newArrays(l.types, len(list))
	for _, values := range list {
		if err := a.add(values); err != nil {
			return err
		}
	}
	return s.flush(l.bulk, [][]any{a}, func(_ int, r postgresRow) error {
		nr, err := r.number()
		if err != nil {
			return err
		}
		return f(int(nr)-1, r)
	})
}

func (s *postgresSession) query(sql string, args []any, f func(r row) error) error {
	return s.flush(sql, [][]any{args}, func(_ int, r postgresRow) error { return f(r) })
}

func (s *postgresSession) each(sql string, args [][]any, f func(i int, r row) error) error {
	if len(args) == 0 {
		return s.err
	}
	return s.flush(sql, args, func(i int, r postgresRow) error { return f(i, r) })
}

// flush sends the writes that wait and then sql once for each set of
// arguments.
func (s *postgresSession) flush(sql string, argss [][]any, f func(i int, r postgresRow) error) error {
	if s.err != nil {
		return s.err
	}
	s.queueInserts()
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

func (s *postgresSession) results(res pgx.BatchResults, writes []*pgx.QueuedQuery, n int, text string, f func(i int, r postgresRow) error) error {
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

func (s *postgresSession) rows(res pgx.BatchResults, i int, text string, f func(i int, r postgresRow) error) error {
	rows, err := res.Query()
	if err != nil {
		return fmt.Errorf("%.80q: %w", text, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(i, postgresRow{rows: rows}); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%.80q: %w", text, err)
	}
	return nil
}

// postgresRow is a row whose first skip columns are not the caller's.
type postgresRow struct {
	rows pgx.Rows
	skip int
}

// number takes the first column, a number, off the row.
func (r *postgresRow) number() (n int64, err error) {
	dest := make([]any, len(r.rows.FieldDescriptions()))
	dest[0] = &n // the others are left for scan
	r.skip = 1
	return n, r.rows.Scan(dest...)
}

// scan lets pgx fill plain variables and converts from them.
func (r postgresRow) scan(dest ...any) error {
	cells := make(postgresCells, len(dest))
	into := make([]any, r.skip, r.skip+len(dest)) // nil passes over a column
	for i, d := range dest {
		switch _, bytes := d.(*[]byte); {
		case bytes:
			into = append(into, &cells[i].b)
		case isText(d):
			into = append(into, &cells[i].s)
		default:
			into = append(into, &cells[i].n)
		}
	}
	if err := r.rows.Scan(into...); err != nil {
		return err
	}
	return scanInto(cells, dest)
}

// postgresCells are the columns of a row, each in the field of its type.
type postgresCells []struct {
	n int64
	s string
	b []byte
}

func (c postgresCells) integer(i int) int64 { return c[i].n }
func (c postgresCells) text(i int) string   { return c[i].s }
func (c postgresCells) blob(i int) []byte   { return c[i].b }
