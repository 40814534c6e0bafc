package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	postgresConns       = 10
	postgresConnectTime = 10 * time.Second
)

// postgresEngine works on a pool; each transaction takes a connection.
type postgresEngine struct{ pool *pgxpool.Pool }

func openPostgres(ctx context.Context, url string) (*postgresEngine, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the store's url is not a PostgreSQL url that we understand") // its text has the password
	}
	c.MaxConns = max(c.MaxConns, postgresConns)
	c.ConnConfig.ConnectTimeout = postgresConnectTime
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		// A commit is on disk before it is acknowledged, a node that hangs
		// holds no locks for ever, and neither does a statement that waits. Our
		// joins look few rows up in tables that grow: a plan that reads a table
		// as a whole, made while it was small, would be wrong soon after.
		_, err := conn.Exec(ctx, `SET synchronous_commit = on; SET idle_in_transaction_session_timeout = '60s';
			SET lock_timeout = '20s'; SET statement_timeout = '120s'; SET timezone = 'UTC';
			SET enable_hashjoin = off; SET enable_mergejoin = off`, pgx.QueryExecModeSimpleProtocol)
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open the PostgreSQL store: %w", err)
	}
	e := &postgresEngine{pool}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open the PostgreSQL store: %w", err)
	}
	return e, nil
}

func (e *postgresEngine) dialect() *dialect { return postgresDialect }

func (e *postgresEngine) update(ctx context.Context, f func(session) error) error {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return trouble{err}
	}
	defer conn.Release()
	s := &postgresSession{ctx: ctx, conn: conn.Conn(), batch: &pgx.Batch{}}
	s.batch.Queue("BEGIN")
	err = protect(f, s)
	if err == nil {
		err = s.err
	}
	if err == nil {
		s.queueInserts()
		s.batch.Queue("COMMIT")
		s.committing = true
		err = s.flush("", nil, nil)
	}
	if err == nil {
		return nil
	}
	err = diagnosePostgres(err)
	if s.conn.IsClosed() {
		if s.committing {
			return trouble{errors.Join(errUnknownCommit, err)}
		}
		return trouble{err}
	}
	// The pool throws away a connection that is still in a transaction, so a
	// rollback that fails leaves nothing behind either.
	rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, rerr := s.conn.Exec(rctx, "ROLLBACK"); rerr != nil {
		return errors.Join(err, rerr)
	}
	return err
}

// diagnosePostgres marks errors of the server and of the way to it.
func diagnosePostgres(err error) error {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		var ce *pgconn.ConnectError
		if errors.As(err, &ce) || pgconn.Timeout(err) || errors.Is(err, context.Canceled) || pgconn.SafeToRetry(err) {
			return trouble{err}
		}
		return err
	}
	switch pe.Code {
	case "40001", "40P01", "55P03", "23505":
		// Another node was there first: what it committed is seen next time.
		return conflict{err}
	}
	switch pe.Code[:min(2, len(pe.Code))] {
	case "53", "57", "58", "08", "XX": // resources, operator, system, connection, internal
		return trouble{err}
	case "25": // a standby, or read-only: no transaction of ours will pass
		return trouble{err}
	}
	return err
}

func (e *postgresEngine) view(ctx context.Context, f func(session) error) error {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return trouble{err}
	}
	defer conn.Release()
	s := &postgresSession{ctx: ctx, conn: conn.Conn(), batch: &pgx.Batch{}, readOnly: true}
	if err := protect(f, s); err != nil {
		return diagnosePostgres(err)
	}
	return s.err
}

func (e *postgresEngine) afterCommit() {}

// scrub leaves it to vacuum, which overwrites dead rows in time.
func (e *postgresEngine) scrub() {}

func (e *postgresEngine) stats(ctx context.Context) (Stats, error) {
	st := Stats{Engine: "postgres"}
	err := e.pool.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&st.Bytes)
	return st, err
}

func (e *postgresEngine) close(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		e.pool.Close()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
