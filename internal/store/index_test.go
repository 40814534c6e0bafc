package store

import (
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// What is asked before every answer goes by an index, however many messages
// there are.
func TestWhatIsAskedBeforeAnAnswerUsesIndexes(t *testing.T) {
	engines(t, func(t *testing.T, db *DB) {
		list := args(normalize.FirstID(time.Now()), "email", "ann@example.com", 1, time.Now(), time.Now(), 1, 1)
		explain := "EXPLAIN QUERY PLAN "
		column := 3
		if db.eng.dialect().name == "postgres" {
			explain, column = "EXPLAIN ", 0
		}
		var plan []string
		err := db.write(t.Context(), func(tx tx) error {
			if column == 0 {
				tx.exec("SET LOCAL enable_seqscan = off") // an empty table needs none
			}
			return tx.query(explain+writtenQuery, list, func(r row) error {
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
		text := strings.Join(plan, "\n")
		if !strings.Contains(text, "messages_owner") || !strings.Contains(text, "addresses_customer") || strings.Contains(text, "SCAN m") || strings.Contains(text, "Seq Scan on messages") {
			t.Errorf("the plan:\n%s", text)
		}
	})
}
