package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// SchemaVersion is the schema that this program works with.
var SchemaVersion = len(migrations())

// Errors that Open returns for a schema that does not fit.
var (
	ErrNewerSchema = errors.New("the store was written by a newer version of Deskbridge; run that version, or restore a backup that was made before the update")
	ErrOlderSchema = errors.New("the store was written by an older version of Deskbridge; make a backup and run `deskbridge db migrate`")
	ErrForeign     = errors.New("the database holds tables of something else; name a database of Deskbridge's own")
)

// migration is one numbered file; the first is 1 and none is missing.
type migration struct {
	version int
	name    string
	sql     string
}

// migrations panics on a wrong file: that is a mistake in the program.
func migrations() []migration {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		panic(err)
	}
	slices.Sort(names)
	var all []migration
	for i, n := range names {
		b, err := migrationFiles.ReadFile(n)
		if err != nil {
			panic(err)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(n, "migrations/"), ".sql")
		if v, err := strconv.Atoi(name[:4]); err != nil || v != i+1 {
			panic("store: migration " + n + " is out of turn")
		}
		all = append(all, migration{i + 1, name, string(b)})
	}
	return all
}

// SchemaStatus is what Status tells of a store.
type SchemaStatus struct {
	Engine string `json:"engine"`
	// Schema is the store's version, 0 for an empty one; Wanted is ours.
	Schema int   `json:"schema"`
	Wanted int   `json:"wanted"`
	Bytes  int64 `json:"bytes"`
}

// Status looks at a store without changing it.
func Status(ctx context.Context, url string) (st SchemaStatus, err error) {
	eng, err := openEngine(ctx, url, false)
	if err != nil {
		return st, err
	}
	defer func() { err = errors.Join(err, eng.close(ctx)) }()
	stats, err := eng.stats(ctx)
	if err != nil {
		return st, err
	}
	st = SchemaStatus{Engine: stats.Engine, Wanted: SchemaVersion, Bytes: stats.Bytes}
	err = eng.view(ctx, func(s session) error {
		st.Schema, err = schemaOf(s)
		return err
	})
	return st, err
}

// Migrate brings a store's schema up to date, in one transaction. It is safe
// to call from several nodes at once.
func Migrate(ctx context.Context, url string) (err error) {
	eng, err := openEngine(ctx, url, true)
	if err != nil {
		return err
	}
	return errors.Join(migrate(ctx, eng, false), eng.close(ctx))
}

// prepareSchema makes the schema of an empty store, and checks that of
// another one.
func prepareSchema(ctx context.Context, eng engine, mayMigrate bool) error {
	var version int
	err := eng.view(ctx, func(s session) (err error) {
		version, err = schemaOf(s)
		return err
	})
	switch {
	case err != nil:
		return err
	case version == SchemaVersion:
		return nil
	case version > SchemaVersion:
		return newerSchema(version)
	}
	return migrate(ctx, eng, !mayMigrate)
}

func newerSchema(version int) error {
	return fmt.Errorf("%w (its schema is %d, ours is %d)", ErrNewerSchema, version, SchemaVersion)
}

// schemaOf returns the version of a store, 0 for an empty database.
func schemaOf(s session) (version int, err error) {
	var ours, all int
	_, err = one(s, `SELECT coalesce(sum(CASE WHEN name = 'schema_versions' THEN 1 ELSE 0 END), 0), count(*) FROM {TABLES} AS t`,
		nil, &ours, &all)
	if err != nil {
		return 0, err
	}
	if ours == 0 {
		if all > 0 {
			return 0, ErrForeign
		}
		return 0, nil
	}
	_, err = one(s, `SELECT coalesce(max(version), 0) FROM schema_versions`, nil, &version)
	return version, err
}

// migrate runs what is missing. Where onlyFresh is set, a store that is not
// empty is left alone.
func migrate(ctx context.Context, eng engine, onlyFresh bool) error {
	return eng.update(ctx, func(s session) error {
		if lock := eng.dialect().migrateLock; lock != "" {
			s.exec(lock)
		}
		version, err := schemaOf(s)
		switch {
		case err != nil:
			return err
		case version > SchemaVersion:
			return newerSchema(version)
		case version == SchemaVersion:
			return nil
		case version > 0 && onlyFresh:
			return fmt.Errorf("%w (its schema is %d, ours is %d)", ErrOlderSchema, version, SchemaVersion)
		case version == 0:
			if err := run(s, `CREATE TABLE schema_versions (version {INT} PRIMARY KEY, name TEXT NOT NULL, applied_at {INT} NOT NULL)`); err != nil {
				return err
			}
		}
		for _, m := range migrations()[version:] {
			for _, st := range statements(m.sql) {
				if err := run(s, st); err != nil {
					return fmt.Errorf("migration %s: %w", m.name, err)
				}
			}
			s.exec(`INSERT INTO schema_versions (version, name, applied_at) VALUES ($1, $2, $3)`, m.version, m.name, time.Now())
		}
		return nil
	})
}

// run executes a statement at once: the next one may need what it made.
func run(s session, sql string) error {
	return s.query(sql, nil, func(row) error { return nil })
}

// statements takes a script apart. A statement ends with a semicolon at the
// end of a line.
func statements(script string) []string {
	var all []string
	var b strings.Builder
	for line := range strings.Lines(script) {
		code, _, _ := strings.Cut(line, "--")
		code = strings.TrimRight(code, " \n")
		b.WriteString(code + "\n")
		if strings.HasSuffix(code, ";") {
			all = append(all, strings.TrimSuffix(strings.TrimSpace(b.String()), ";"))
			b.Reset()
		}
	}
	if strings.TrimSpace(b.String()) != "" {
		panic("store: a migration ends within a statement")
	}
	return all
}
