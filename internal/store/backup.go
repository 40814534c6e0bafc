package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// ErrNotEmpty tells that a backup is only restored into a store that is empty.
var ErrNotEmpty = errors.New("the store is not empty; move it away first, or name another one")

// Backup writes a consistent copy of the running store to file, which must not
// exist: an SQLite database, or the archive of pg_dump. Media files are not in
// it; since they are never changed, copying their folder afterwards completes
// it.
func (db *DB) Backup(ctx context.Context, file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := db.eng.backup(ctx, file); err != nil {
		return errors.Join(fmt.Errorf("backup: %w", err), os.Remove(file))
	}
	return syncFile(file)
}

// syncFile makes a file and its name durable.
func syncFile(file string) error {
	for _, name := range []string{file, filepath.Dir(file)} {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Restore fills an empty store from a file that Backup wrote.
func Restore(ctx context.Context, url, file string) error {
	if _, err := os.Stat(file); err != nil {
		return err
	}
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return restoreSQLite(ctx, strings.TrimPrefix(path, "//"), file)
	}
	return restorePostgres(ctx, url, file)
}

func (e *sqliteEngine) backup(ctx context.Context, file string) error {
	c, err := e.open(ctx)
	if err != nil {
		return err
	}
	c.SetInterrupt(ctx.Done())
	err = sqlitex.ExecuteTransient(c, `VACUUM INTO ?1`, &sqlitex.ExecOptions{Args: []any{file}})
	return errors.Join(err, c.Close())
}

// restoreSQLite checks the copy and puts it in place by one rename.
func restoreSQLite(ctx context.Context, path, file string) error {
	// The log of a store that was killed would be taken for the copy's own.
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err == nil && info.Size() > 0 {
			return fmt.Errorf("%s: %w", name, ErrNotEmpty)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp := path + ".restoring"
	defer func() { _ = os.Remove(temp) }() // it is gone by then, if all went well
	if err := copyFile(temp, file); err != nil {
		return err
	}
	if err := checkSQLite(ctx, temp); err != nil {
		return fmt.Errorf("%s is not a backup that can be used: %w", file, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncFile(path)
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func checkSQLite(ctx context.Context, path string) (err error) {
	c, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	c.SetInterrupt(ctx.Done())
	verdict := ""
	if err := sqlitex.ExecuteTransient(c, "PRAGMA integrity_check(1)", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		verdict = s.ColumnText(0)
		return nil
	}}); err != nil {
		return err
	}
	if verdict != "ok" {
		return errors.New(verdict)
	}
	version, err := schemaOf(&sqliteSession{conn: c, readOnly: true})
	switch {
	case err != nil:
		return err
	case version == 0:
		return errors.New("it holds no store")
	case version > SchemaVersion:
		return newerSchema(version)
	}
	return nil
}

func (e *postgresEngine) backup(ctx context.Context, file string) error {
	c := e.pool.Config().ConnConfig
	return postgresTool(ctx, c.ConnString(), "pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file="+file)
}

func restorePostgres(ctx context.Context, url, file string) error {
	e, err := openPostgres(ctx, url)
	if err != nil {
		return err
	}
	var tables int
	err = errors.Join(e.view(ctx, func(s session) error {
		_, err := one(s, `SELECT count(*) FROM {TABLES} AS t`, nil, &tables)
		return err
	}), e.close(ctx))
	if err != nil {
		return err
	}
	if tables > 0 {
		return ErrNotEmpty
	}
	return postgresTool(ctx, url, "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", file)
}

// postgresTool runs one of PostgreSQL's own programs. The password goes by the
// environment: arguments can be read by everybody on the machine.
func postgresTool(ctx context.Context, url, program string, arguments ...string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return fmt.Errorf("%s is needed for this and not installed; it is part of PostgreSQL's client programs (Debian: postgresql-client)", program)
	}
	env, err := postgresEnvironment(url)
	if err != nil {
		return err
	}
	if program == "pg_restore" {
		arguments = append([]string{"--dbname=" + env["PGDATABASE"]}, arguments...)
	}
	cmd := exec.CommandContext(ctx, path, arguments...)
	cmd.Env = os.Environ()
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(stderr.String()))
	}
	return nil
}
