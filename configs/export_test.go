package configs

import "reflect"

// What the tests with the real types need of the inside.

var CheckSchema = checkSchema

// SetDefaults applies the defaults of the tags.
func SetDefaults(s Settings) { setDefaults(reflect.ValueOf(s).Elem()) }

// EachSetting calls f with the path and the doc of every setting.
func EachSetting(s Settings, f func(path, doc string)) {
	eachSetting("", reflect.TypeOf(s).Elem(), f)
}

func eachSetting(prefix string, t reflect.Type, f func(path, doc string)) {
	for _, field := range fieldsOf(t) {
		f(prefix+field.key, field.doc)
		inner := field.typ
		if shapeOf(inner) == list || shapeOf(inner) == table {
			inner = inner.Elem()
		}
		if shapeOf(inner) == section {
			eachSetting(prefix+field.key+".", structType(inner), f)
		}
	}
}
