package store

import (
	"fmt"
	"strings"
)

// Types of columns, as PostgreSQL calls them.
const (
	typeInt   = "bigint"
	typeText  = "text"
	typeBytes = "bytea"
)

// lookup finds rows by the equality of columns, for many values at once. On
// PostgreSQL that is one statement, whose rows are locked in the order of the
// values where lock is set.
type lookup struct {
	single, bulk string
	types        []string
}

// newLookup describes SELECT columns FROM table WHERE by = ...; by alternates
// columns and types.
func newLookup(table, columns string, lock bool, by ...string) *lookup {
	l := &lookup{}
	var single, arrays, names, joins []string
	for i := 0; i < len(by); i += 2 {
		n := i/2 + 1
		l.types = append(l.types, by[i+1])
		single = append(single, fmt.Sprintf("%s = $%d", by[i], n))
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", n, by[i+1]))
		names = append(names, fmt.Sprintf("k%d", n))
		joins = append(joins, fmt.Sprintf("t.%s = k.k%d", by[i], n))
	}
	l.single = "SELECT " + columns + " FROM " + table + " WHERE " + strings.Join(single, " AND ")
	columns = "t." + strings.ReplaceAll(columns, ", ", ", t.")
	l.bulk = fmt.Sprintf("SELECT k.nr, %s FROM unnest(%s) WITH ORDINALITY AS k(%s, nr) JOIN %s t ON %s ORDER BY k.nr",
		columns, strings.Join(arrays, ", "), strings.Join(names, ", "), table, strings.Join(joins, " AND "))
	if lock {
		l.single += " {LOCK}"
		l.bulk += " FOR UPDATE OF t"
	}
	return l
}

// insert writes many rows by one statement on PostgreSQL. Rows wait until
// something else is asked for, so all rows of one insert must be independent
// of each other.
type insert struct {
	single, bulk string
	types        []string
}

// newInsert describes an INSERT into a table. columns alternates names and
// types; tail is the ON CONFLICT clause.
func newInsert(table, tail string, columns ...string) *insert {
	in := &insert{}
	var names, numbers, arrays []string
	for i := 0; i < len(columns); i += 2 {
		n := i/2 + 1
		names = append(names, columns[i])
		in.types = append(in.types, columns[i+1])
		numbers = append(numbers, fmt.Sprintf("$%d", n))
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", n, columns[i+1]))
	}
	head := fmt.Sprintf("INSERT INTO %s (%s) ", table, strings.Join(names, ", "))
	in.single = head + "VALUES (" + strings.Join(numbers, ", ") + ") " + tail
	in.bulk = head + "SELECT * FROM unnest(" + strings.Join(arrays, ", ") + ") " + tail
	return in
}

// arrays are the arguments of a bulk statement: one array for each column.
type arrays []any

func newArrays(types []string, n int) arrays {
	a := make(arrays, len(types))
	for i, t := range types {
		switch t {
		case typeInt:
			a[i] = make([]int64, 0, n)
		case typeText:
			a[i] = make([]string, 0, n)
		case typeBytes:
			a[i] = make([][]byte, 0, n)
		default:
			panic("store: unknown type " + t)
		}
	}
	return a
}

// add appends a row.
func (a arrays) add(row []any) error {
	if len(row) != len(a) {
		return fmt.Errorf("store: %d values for %d columns", len(row), len(a))
	}
	for i, x := range row {
		v, err := bind(x)
		if err != nil {
			return err
		}
		ok := false
		switch list := a[i].(type) {
		case []int64:
			var n int64
			n, ok = v.(int64)
			a[i] = append(list, n)
		case []string:
			var s string
			s, ok = v.(string)
			a[i] = append(list, s)
		case [][]byte:
			var b []byte
			b, ok = v.([]byte)
			a[i] = append(list, b)
		}
		if !ok {
			return fmt.Errorf("store: column %d cannot be %T", i+1, x)
		}
	}
	return nil
}
