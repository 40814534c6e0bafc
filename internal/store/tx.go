package store

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/normalize"
)

// session runs statements inside one transaction, or one read.
//
// Arguments are int64 and kin, string, []byte, bool (as 0 and 1), time.Time
// (as microseconds; the zero time as 0) and normalize.ID; a text with NUL or
// broken UTF-8 is refused alike on both engines. row must not use the session.
type session interface {
	// exec is a write. PostgreSQL queues it and sends it together with the
	// next query or the commit; its error sticks and shows there.
	exec(sql string, args ...any)
	// query calls f for each row.
	query(sql string, args []any, f func(r row) error) error
	// each runs one statement for many sets of arguments: one round trip on
	// PostgreSQL, one prepared statement on SQLite.
	each(sql string, args [][]any, f func(i int, r row) error) error
	// find and insert are each and exec for what is done to many rows.
	find(l *lookup, args [][]any, f func(i int, r row) error) error
	insert(in *insert, row ...any)
}

// tx is a write transaction.
type tx interface {
	session
	// emit adds an event to the end of the transaction, with its forward jobs.
	emit(e event)
	// wake lets those who wait for Changed look again after the commit; emit
	// does so by itself.
	wake()
	// remark keeps what is to be counted and logged once it is durable.
	remark(r remark)
}

// remark is what a person should hear of about a route: a helpdesk's rule that
// failed, or, without err, a conversation that no helpdesk gets.
type remark struct {
	helpdesk     string
	conversation normalize.ID
	err          error
}

// row is one row of a result. Destinations are *int64, *int, *bool, *string,
// *[]byte, *time.Time and pointers to the string and id types of the model.
type row interface{ scan(dest ...any) error }

// engine is one of the two databases.
type engine interface {
	dialect() *dialect
	// update runs f in a transaction and commits it. Nothing that f did stays
	// when an error is returned, unless it is errUnknownCommit.
	update(ctx context.Context, f func(session) error) error
	view(ctx context.Context, f func(session) error) error
	// afterCommit is the writer's moment for housekeeping.
	afterCommit()
	// scrub is called in a transaction that erases: what was there must not be
	// readable in the engine's files for long.
	scrub()
	stats(ctx context.Context) (Stats, error)
	backup(ctx context.Context, file string) error
	close(ctx context.Context) error
}

var (
	// errUnknownCommit: the engine was asked to commit and did not answer.
	errUnknownCommit = errors.New("it is not known whether the commit took place")
	errBadText       = errors.New("a text holds NUL or is not valid UTF-8")
	errMoved         = errors.New("another node changed this in the same moment")
	errReadOnly      = errors.New("a write inside a read")
)

// trouble marks an error of the database itself: asking again at once, or one
// by one, would not help.
type trouble struct{ error }

func (t trouble) Unwrap() error { return t.error }

// conflict marks an error that another node's commit caused: the transaction
// may pass when it is run again.
type conflict struct{ error }

func (c conflict) Unwrap() error { return c.error }

// refusal is an error of an operation that wrote nothing, so that the others
// of its group may be committed.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// refuse wraps an error that was found before anything was written.
func refuse(err error) error { return refusal{err} }

// one runs a query of at most one row and reports whether there was one.
func one(s session, sql string, args []any, dest ...any) (found bool, err error) {
	err = s.query(sql, args, func(r row) error {
		found = true
		return r.scan(dest...)
	})
	return found, err
}

// args makes the literal of a list of arguments shorter.
func args(a ...any) []any { return a }

// bind brings an argument to int64, string or []byte.
func bind(a any) (any, error) {
	switch v := a.(type) {
	case int64:
		return v, nil
	case string:
		return v, checkText(v)
	case []byte:
		if v == nil {
			return []byte{}, nil
		}
		return v, nil
	case normalize.ID:
		return int64(v), nil
	case int:
		return int64(v), nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case time.Time:
		return micros(v), nil
	case []int64, []string, [][]byte: // of a bulk statement; their values were bound one by one
		return v, nil
	case normalize.Outcome:
		return string(v), checkText(string(v))
	case normalize.Status:
		return string(v), nil
	case normalize.ConversationState:
		return string(v), nil
	case normalize.EventType:
		return string(v), nil
	}
	return bindText(a)
}

func checkText(s string) error {
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return errBadText
	}
	return nil
}

func bindAll(list []any) ([]any, error) {
	out := make([]any, len(list))
	for i, a := range list {
		b, err := bind(a)
		if err != nil {
			return nil, err
		}
		out[i] = b
	}
	return out, nil
}

// micros is how times are stored.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// clean makes a text storable: valid UTF-8 without NUL.
func clean(s string) string {
	if checkText(s) == nil {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}
