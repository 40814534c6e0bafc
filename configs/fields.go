package configs

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// field is one setting, as its tags declare it.
type field struct {
	key, doc, example string
	def               string
	hasDefault        bool
	enum              []string
	required          bool
	shown             bool // as set in examples
	index             []int
	typ               reflect.Type
}

// fieldsOf returns the settings of a struct in order. Those of an embedded
// struct without a key of its own belong to the struct around it.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for f := range t.Fields() {
		if !f.IsExported() && !f.Anonymous {
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.Anonymous && key == "" && f.Type.Kind() == reflect.Struct {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{f.Index[0]}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		if key == "" || key == "-" {
			continue
		}
		def, hasDefault := f.Tag.Lookup("default")
		var enum []string
		if s := f.Tag.Get("enum"); s != "" {
			enum = strings.Split(s, ",")
		}
		fields = append(fields, field{
			key: key, doc: f.Tag.Get("doc"), example: f.Tag.Get("example"), def: def, hasDefault: hasDefault,
			enum: enum, required: f.Tag.Get("required") == "true", shown: f.Tag.Get("shown") == "true", index: f.Index, typ: f.Type,
		})
	}
	return fields
}

// shape is how a setting is written.
type shape int

const (
	text shape = iota
	secret
	boolean
	whole
	number
	duration
	size
	list
	table   // keys that the user chooses
	section // keys that a struct declares
)

func shapeOf(t reflect.Type) shape {
	switch t {
	case reflect.TypeFor[Secret]():
		return secret
	case reflect.TypeFor[time.Duration]():
		return duration
	case reflect.TypeFor[Size]():
		return size
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return text
	}
	switch t.Kind() {
	case reflect.String:
		return text
	case reflect.Bool:
		return boolean
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return whole
	case reflect.Float64:
		return number
	case reflect.Slice:
		return list
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return table
		}
	case reflect.Struct:
		return section
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Struct {
			return section
		}
	}
	panic(fmt.Sprintf("configs: a setting cannot be of type %v", t))
}

// structType returns the struct of a section.
func structType(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// setDefaults gives every setting of a struct the default of its tag.
// Optional sections stay absent.
func setDefaults(v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		fv := v.FieldByIndex(f.index)
		switch {
		case f.hasDefault:
			if err := setDefault(fv, f); err != nil {
				panic(fmt.Sprintf("configs: default of %v.%s: %v", v.Type(), f.key, err))
			}
		case f.typ.Kind() == reflect.Struct && shapeOf(f.typ) == section:
			setDefaults(fv)
		}
	}
}

func setDefault(v reflect.Value, f field) error {
	if shapeOf(f.typ) != list {
		return setText(v, f.def)
	}
	v.SetZero()
	for s := range strings.SplitSeq(strings.Trim(f.def, "[] "), ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		item := reflect.New(f.typ.Elem()).Elem()
		if err := setText(item, s); err != nil {
			return err
		}
		v.Set(reflect.Append(v, item))
	}
	return nil
}
