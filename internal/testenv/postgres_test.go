package testenv

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m) }

func TestPostgresGivesEachTestItsOwnDatabase(t *testing.T) {
	a, b := Postgres(t), Postgres(t)
	if a == b {
		t.Fatalf("the same database twice: %s", a)
	}
	query(t, a, "CREATE TABLE here (id int)")
	if got := query(t, b, "SELECT count(*) FROM pg_tables WHERE tablename = 'here'"); got != 0 {
		t.Errorf("a table made in one database shows in the other")
	}
	if got := query(t, a, "SELECT count(*) FROM pg_settings WHERE name = 'fsync' AND setting = 'on'"); got != 1 {
		t.Errorf("commits are not durable: fsync is off")
	}
}

func TestPostgresServerKeepsWhatWasCommitted(t *testing.T) {
	pg := PostgresServer(t)
	query(t, pg.URL, "CREATE TABLE kept AS SELECT 1 AS id")
	for name, end := range map[string]func(){"stop": pg.Stop, "kill": pg.Kill} {
		end()
		if c, err := pgx.Connect(t.Context(), pg.URL); err == nil {
			_ = c.Close(t.Context())
			t.Fatalf("after %s the server still answers", name)
		}
		pg.Start()
		if got := query(t, pg.URL, "SELECT count(*) FROM kept"); got != 1 {
			t.Errorf("after %s and start: %d rows, want 1", name, got)
		}
	}
}

// query runs one statement and returns its first number, if it has one.
func query(t *testing.T, url, sql string) int {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	rows, err := c.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}
