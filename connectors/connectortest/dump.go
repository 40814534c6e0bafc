package connectortest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// dump returns what is set in v, with the names of its fields, the internal
// ones included, so that a golden file shows all that the core will see.
func dump(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return dump(v.Elem())
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			return t.UTC().Format(time.RFC3339Nano)
		}
		m := map[string]any{}
		for field, f := range v.Fields() {
			if field.IsExported() && !f.IsZero() {
				m[field.Name] = dump(f)
			}
		}
		return m
	case reflect.Slice:
		if b, ok := reflect.TypeAssert[[]byte](v); ok {
			return fmt.Sprintf("%d bytes", len(b))
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = dump(v.Index(i))
		}
		return list
	}
	return v.Interface()
}

// Dump writes an item as golden files have it: its type, and what is set in
// it.
func Dump(item any) string {
	v := reflect.ValueOf(item)
	typ := reflect.Indirect(v).Type().Name()
	b, err := json.MarshalIndent(map[string]any{typ: dump(v)}, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}
