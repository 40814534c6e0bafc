package store

import (
	"fmt"
	"reflect"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// columns is a row as an engine gives it.
type columns interface {
	integer(i int) int64
	text(i int) string
	blob(i int) []byte
}

// scanInto fills destinations from the columns of a row.
func scanInto(c columns, dest []any) error {
	for i, d := range dest {
		switch d := d.(type) {
		case *int64:
			*d = c.integer(i)
		case *normalize.ID:
			*d = normalize.ID(c.integer(i))
		case *string:
			*d = c.text(i)
		case *[]byte:
			*d = c.blob(i)
		case *time.Time:
			*d = fromMicros(c.integer(i))
		case *int:
			*d = int(c.integer(i))
		case *bool:
			*d = c.integer(i) != 0
		default:
			v := reflect.ValueOf(d)
			if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.String {
				return fmt.Errorf("store: cannot scan into %T", d)
			}
			v.Elem().SetString(c.text(i))
		}
	}
	return nil
}

// isText reports whether a destination takes a text.
func isText(dest any) bool {
	if _, ok := dest.(*string); ok {
		return true
	}
	v := reflect.ValueOf(dest)
	return v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.String
}

// bindText binds an argument whose underlying type is string.
func bindText(a any) (any, error) {
	v := reflect.ValueOf(a)
	if v.Kind() != reflect.String {
		return nil, fmt.Errorf("store: cannot bind %T", a)
	}
	return v.String(), checkText(v.String())
}
