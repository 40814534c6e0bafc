package store

import "regexp"

var foldedColumn = regexp.MustCompile(`\{FOLD\}\(([^)]*)\)`)

// foldFor rewrites a condition that compares folded columns with a query. To
// fold letters outside of ASCII takes PostgreSQL several times as long, and a
// query without such letters meets none of them.
func foldFor(query, condition string) string {
	for i := range len(query) {
		if query[i] >= 0x80 {
			return condition
		}
	}
	return foldedColumn.ReplaceAllString(condition, "{FOLD}($1 {BYTEWISE})")
}
