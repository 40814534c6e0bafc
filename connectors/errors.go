// Package connectors holds what channels and helpdesks share: the classes of
// their errors, the dependencies that they are given, and the registry.
package connectors

import (
	"errors"
	"fmt"
	"time"
)

// Class says what has to happen next after an error of a connector.
type Class int

const (
	// Ambiguous: the vendor may have taken the request. It is repeated only
	// where the channel is idempotent; else it is parked as uncertain. It is
	// the zero value, so an error that nobody classified can never reach a
	// customer twice.
	Ambiguous Class = iota
	// Transient: surely not taken. Back off and try again; costs an attempt.
	Transient
	// Throttled: surely not taken, asked to slow down. Wait for RetryAfter;
	// costs no attempt and slows the whole account.
	Throttled
	// Rejected: this one, never. Fail, and tell the agent in plain words.
	Rejected
	// Unreachable: opted out, blocked, window closed, no such address. Fail,
	// flag the address unless only its window is Closed, offer another channel.
	Unreachable
	// AccountDown: credentials, quota, a ban. Pause the account, keep its
	// queue, alert.
	AccountDown
	// Unsupported: the channel has no such feature.
	Unsupported
)

var classNames = [...]string{"ambiguous", "transient", "throttled", "rejected", "unreachable", "account_down", "unsupported"}

func (c Class) String() string {
	if c < 0 || int(c) >= len(classNames) {
		return fmt.Sprintf("class(%d)", int(c))
	}
	return classNames[c]
}

// Error is an error of a connector that says what has to happen next.
type Error struct {
	Class Class
	// Code is the vendor's, as written: "550 5.1.1", "45015".
	Code string
	// Detail is for an agent or an administrator: plain words, no secret, no
	// message text.
	Detail string
	// RetryAfter is the vendor's wish; zero where it named none.
	RetryAfter time.Duration
	// Closed: the vendor takes no answer before the customer writes again, and
	// the reply window counts as used up. Nothing is wrong with the address.
	Closed bool
	// Err is the cause, if it adds anything.
	Err error
}

func (e *Error) Error() string {
	s := e.Detail
	if s == "" && e.Err != nil {
		s = e.Err.Error()
	}
	if e.Code != "" {
		s = e.Code + ": " + s
	}
	return e.Class.String() + ": " + s
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error of class c. A %w among the verbs becomes its cause.
func Errorf(c Class, code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Class: c, Code: code, Detail: err.Error(), Err: errors.Unwrap(err)}
}

// Classify returns the Error within err, or else an ambiguous one around it.
func Classify(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Err: err}
}
