package main

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/deskbridge/deskbridge/configs"
)

const secretMin = 4 // bytes; shorter ones would blot out half the text

// redactor returns a function that replaces every secret of a configuration,
// also where a vendor quotes it in an error.
func redactor(f *configs.File) func(string) string {
	var pairs []string
	collect(reflect.ValueOf(f), func(s configs.Secret) {
		if len(s) < secretMin {
			return
		}
		pairs = append(pairs, s.Reveal(), s.String())
		if quoted, err := json.Marshal(s.Reveal()); err == nil {
			pairs = append(pairs, strings.Trim(string(quoted), `"`), s.String())
		}
	})
	return strings.NewReplacer(pairs...).Replace
}

// holdsSecret reports whether a secret of a configuration stands in its text.
// The path of an SQLite store is none.
func holdsSecret(text string, f *configs.File) (holds bool) {
	collect(reflect.ValueOf(f), func(s configs.Secret) {
		value := s.Reveal()
		holds = holds || len(value) >= secretMin && !strings.HasPrefix(value, "sqlite://") && strings.Contains(text, value)
	})
	return holds
}

var secretType = reflect.TypeFor[configs.Secret]()

// collect calls found for each secret within v.
func collect(v reflect.Value, found func(configs.Secret)) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() == secretType {
			found(configs.Secret(v.String()))
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			collect(v.Elem(), found)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			collect(field, found)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			collect(v.Index(i), found)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			collect(it.Value(), found)
		}
	}
}
