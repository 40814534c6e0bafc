package store

import (
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// What is asked before every answer, of a customer who is exported or erased,
// and in every sweep, goes by an index, however large the tables are.
func TestWhatIsAskedOftenUsesIndexes(t *testing.T) {
	engines(t, func(t *testing.T, db *DB) {
		for _, c := range []struct {
			query   string
			list    []any
			indexes []string
		}{
			{writtenQuery, args(normalize.FirstID(time.Now()), "email", "ann@example.com", 1, time.Now(), time.Now(), 1, 1), []string{"messages_owner", "addresses_customer"}},
			{messagesQuery, args(1, 0), []string{"messages_owner", "messages_elsewhere", "addresses_customer"}},
			{quarantinedQuery, args(5000, "support"), []string{"ledger_quarantined"}},
			{rawFileQuery, args([]byte("digest")), []string{"raw_files_digest"}},
			{oldEvents, args(1), []string{map[string]string{"sqlite": "sqlite_autoindex_events_1", "postgres": "events_id_key"}[db.eng.dialect().name]}},
		} {
			plan := planOf(t, db, c.query, c.list)
			for _, index := range c.indexes {
				if !strings.Contains(plan, index) {
					t.Errorf("%s is not used:\n%s", index, plan)
				}
			}
			if strings.Contains(plan, "SCAN m") || strings.Contains(plan, "SCAN events") || strings.Contains(plan, "Seq Scan on messages") {
				t.Errorf("the plan:\n%s", plan)
			}
		}
	})
}

// planOf is how the engine is going to run a query on large tables.
func planOf(t *testing.T, db *DB, query string, list []any) string {
	t.Helper()
	explain, column := "EXPLAIN QUERY PLAN ", 3
	if db.eng.dialect().name == "postgres" {
		explain, column = "EXPLAIN ", 0
	}
	var plan []string
	err := db.write(t.Context(), func(tx tx) error {
		if column == 0 {
			tx.exec("SET LOCAL enable_seqscan = off") // an empty table needs none
		}
		return tx.query(explain+query, list, func(r row) error {
			var line string
			dest := []any{&line}
			if column > 0 {
				dest = []any{new(int64), new(int64), new(int64), &line}
			}
			err := r.scan(dest...)
			plan = append(plan, line)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}
