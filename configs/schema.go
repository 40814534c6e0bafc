package configs

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

type object = map[string]any

// Schema returns the JSON Schema (2020-12) of the configuration file, for
// editors. It is a little stricter than Load, which also takes values that
// are left empty.
func Schema(t Types) []byte {
	properties := schemaFields(fieldsOf(reflect.TypeFor[File]()))
	properties["channels"] = schemaAccounts("channel", "Where customers write.", t.Channels)
	properties["helpdesks"] = schemaAccounts("helpdesk", "Where agents answer.", t.Helpdesks)
	root := schemaObject(properties, nil)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Configuration of Deskbridge"
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // made of strings, numbers and maps
	}
	return append(b, '\n')
}

// schemaAccounts describes a list of accounts, whose keys depend on the type.
func schemaAccounts(kind, doc string, types map[string]func() Settings) object {
	names := slices.Sorted(maps.Keys(types))
	cases := []any{}
	for _, name := range names {
		fields := append(fieldsOf(headOf(kind)), fieldsOf(reflect.TypeOf(types[name]()).Elem())...)
		then := schemaFields(fields)
		then["type"] = object{"const": name}
		cases = append(cases, object{
			"if":   object{"properties": object{"type": object{"const": name}}, "required": []string{"type"}},
			"then": schemaObject(then, fields),
		})
	}
	typeKey := object{"type": "string", "description": "What kind of account it is."}
	if len(names) > 0 {
		typeKey["enum"] = names
	}
	items := object{
		"type": "object", "required": []string{"name", "type"},
		"properties": object{
			"name": object{"type": "string", "pattern": accountName.String()},
			"type": typeKey,
		},
	}
	if len(cases) > 0 {
		items["allOf"] = cases
	}
	return object{"type": "array", "description": doc, "items": items}
}

// schemaFields describes settings by their keys.
func schemaFields(fields []field) object {
	properties := object{}
	for _, f := range fields {
		properties[f.key] = schemaField(f)
	}
	return properties
}

// schemaObject describes a section with these properties and no others.
func schemaObject(properties object, fields []field) object {
	s := object{"type": "object", "properties": properties, "additionalProperties": false}
	var required []string
	for _, f := range fields {
		if f.required {
			required = append(required, f.key)
		}
	}
	if required != nil {
		s["required"] = required
	}
	return s
}

func schemaField(f field) object {
	s := schemaType(f.typ, f.enum)
	if f.doc != "" {
		s["description"] = f.doc
	}
	if f.hasDefault {
		s["default"] = schemaDefault(f)
	}
	if f.required && shapeOf(f.typ) == list {
		s["minItems"] = 1
	}
	return s
}

// reference is a string that an environment variable or a file fills in.
const reference = `\$\{`

func schemaType(t reflect.Type, enum []string) object {
	// either is a value as it is, or a reference to one.
	either := func(s object) object {
		return object{"anyOf": []any{s, object{"type": "string", "pattern": reference}}}
	}
	switch shapeOf(t) {
	case boolean:
		return either(object{"type": "boolean"})
	case whole:
		return either(object{"type": "integer"})
	case number:
		return either(object{"type": "number"})
	case duration:
		return either(object{"type": "string", "pattern": `^([0-9]+d)?([0-9.]+(ns|us|µs|ms|s|m|h))*$|^0$`, "minLength": 1})
	case size:
		return either(object{"type": []string{"string", "integer"}, "pattern": `^[0-9.]+ *(B|KiB|MiB|GiB)?$`})
	case list:
		return object{"type": "array", "items": schemaType(t.Elem(), enum)}
	case table:
		return object{"type": "object", "additionalProperties": schemaType(t.Elem(), enum)}
	case section:
		fields := fieldsOf(structType(t))
		return schemaObject(schemaFields(fields), fields)
	}
	if enum != nil {
		return either(object{"enum": enum})
	}
	// Ids of digits alone need no quotes.
	return object{"type": []string{"string", "integer"}}
}

// schemaDefault returns a default as the value it is.
func schemaDefault(f field) any {
	switch shapeOf(f.typ) {
	case boolean:
		return f.def == "true"
	case whole, number:
		if n, err := strconv.ParseFloat(f.def, 64); err == nil {
			return n
		}
	case list:
		v := reflect.New(f.typ).Elem()
		if err := setDefault(v, f); err == nil {
			if v.IsNil() {
				return []string{}
			}
			return v.Interface()
		}
	}
	return f.def
}
