// Package configs is the configuration file: strict YAML, each setting
// declared once.
//
// A setting is a field of a struct with these tags:
//
//	yaml:"name"         its key
//	doc:"..."           one sentence for people, shown in examples and the schema
//	default:"1m"        as it would be written in the file
//	enum:"a,b,c"        the only values
//	required:"true"     must be set where its struct is used
//	shown:"true"        set in annotated examples although it may be left out
//	example:"..."       a value for annotated examples
//
// Field types: string, bool, int, float64, time.Duration, Size, Secret, slices
// of these, maps from string, structs and pointers to structs (an optional
// section, nil where absent).
package configs

import "fmt"

// Settings is what a file says of one account. Validate returns one error for
// each bad combination of values; a *KeyError is shown where its key stands.
type Settings interface{ Validate() []error }

// Completer is what Settings may be besides: some of its defaults depend on
// other settings. Complete is called once, before Validate; set reports whether
// the file gives a key, written as a path below the account: "imap.port".
type Completer interface {
	Complete(set func(key string) bool)
}

// KeyError is an error about one key, written as a path below the account:
// "imap.port".
type KeyError struct{ Key, Msg string }

func (e *KeyError) Error() string { return e.Key + ": " + e.Msg }

// Key returns a KeyError.
func Key(key, format string, args ...any) *KeyError {
	return &KeyError{Key: key, Msg: fmt.Sprintf(format, args...)}
}

// Size is a number of bytes, written as 25MiB.
type Size int64
