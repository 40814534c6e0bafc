package store

import (
	"regexp"
	"strings"
	"sync"
)

// dialect is all in which the two engines' SQL differs. Statements are written
// once, with $1..$n for their arguments and these words in braces.
type dialect struct {
	name  string
	words map[string]string
	// eventLock is taken before events are numbered and held to the commit,
	// migrateLock while the schema is looked at and changed.
	eventLock, migrateLock string
	// evidenceLock is taken before evidence is written and compared.
	evidenceLock string
	// wordAnd stands between the words of a search.
	wordAnd string
	// params rewrites $n where the engine wants another form.
	params func(string) string

	texts sync.Map // source text -> engine's text
}

var sqliteDialect = &dialect{
	name: "sqlite",
	words: map[string]string{
		"INT":        "INTEGER",
		"BYTES":      "BLOB",
		"SERIAL":     "INTEGER PRIMARY KEY",
		"NOROWID":    "WITHOUT ROWID",
		"LOCK":       "", // one writer at a time holds everything locked
		"SKIP":       "",
		"FOLD":       "lower",
		"BYTEWISE":   "",
		"LEAST":      "min",
		"MOST":       "max",
		"WORDTABLE":  "CREATE VIRTUAL TABLE word_index USING fts5(words, content='', contentless_delete=1, detail='none', tokenize='ascii')",
		"WORDINDEX":  "SELECT 1", // it is its own
		"WORDVECTOR": "$2",
		"WORDMATCH":  "word_index MATCH $1",
		"JSON":       "TEXT",
		"JSONLIST":   "json_each",
		"TABLES":     "(SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%')",
	},
	wordAnd: " AND ",
	params:  func(s string) string { return dollar.ReplaceAllString(s, "?$1") },
}

var postgresDialect = &dialect{
	name: "postgres",
	words: map[string]string{
		"INT":        "BIGINT",
		"BYTES":      "BYTEA",
		"SERIAL":     "BIGSERIAL PRIMARY KEY",
		"NOROWID":    "",
		"LOCK":       "FOR UPDATE",
		"SKIP":       "FOR UPDATE SKIP LOCKED",
		"FOLD":       "lower",
		"BYTEWISE":   `COLLATE "C"`,
		"LEAST":      "least",
		"MOST":       "greatest",
		"WORDTABLE":  "CREATE TABLE word_index (rowid BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
		"WORDINDEX":  "CREATE INDEX word_index_words ON word_index USING gin (words)",
		"WORDVECTOR": "array_to_tsvector(string_to_array($2, ' '))",
		"WORDMATCH":  "words @@ CAST(CAST($1 AS TEXT) AS TSQUERY)",
		"JSON":       "JSON",
		"JSONLIST":   "json_array_elements_text",
		"TABLES":     "(SELECT CAST(tablename AS TEXT) AS name FROM pg_tables WHERE schemaname = current_schema())",
	},
	eventLock:    "SELECT pg_advisory_xact_lock(7301204550001)",
	migrateLock:  "SELECT pg_advisory_xact_lock(7301204550002), set_config('statement_timeout', '0', true)", // an index of a large table takes its time
	evidenceLock: "SELECT pg_advisory_xact_lock(7301204550003)",
	wordAnd:      " & ",
	params:       func(s string) string { return s },
}

var (
	dollar = regexp.MustCompile(`\$(\d+)`)
	braced = regexp.MustCompile(`\{([A-Z]+)\}`)
)

// text returns the engine's form of a statement. A word that the dialect does
// not know is a mistake in the program.
func (d *dialect) text(sql string) string {
	known, _ := d.texts.Load(sql)
	if t, ok := known.(string); ok {
		return t
	}
	t := sql
	if strings.Contains(t, "{") {
		t = braced.ReplaceAllStringFunc(t, func(w string) string {
			s, ok := d.words[w[1:len(w)-1]]
			if !ok {
				panic("store: unknown word " + w + " in a statement")
			}
			return s
		})
	}
	t = d.params(t)
	d.texts.Store(sql, t)
	return t
}
