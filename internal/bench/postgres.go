package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

func sqlitePath(url string) (path string, ok bool) { return strings.CutPrefix(url, "sqlite://") }

// postgres is a private PostgreSQL, as the tests use it.
type postgres struct{ env *env }

func startPostgres() (*postgres, error) {
	s := &postgres{env: &env{}}
	// The first database starts the server; it is a test of whether there is one.
	_, err := s.database()
	return s, err
}

func (s *postgres) database() (url string, err error) {
	if err = s.env.try(func() { url = testenv.Postgres(s.env) }); err != nil {
		err = fmt.Errorf("PostgreSQL: %w", err)
	}
	return url, err
}

func (s *postgres) stop() { s.env.cleanUp() }

// env lets package testenv, which is made for tests, serve a program: what
// would end a test ends try.
type env struct {
	testing.TB
	cleanups []func()
}

type ended struct{ why string }

func (e *env) try(f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			end, ok := v.(ended)
			if !ok {
				panic(v)
			}
			err = errors.New(end.why)
		}
	}()
	f()
	return nil
}

func (e *env) cleanUp() {
	for _, v := range slices.Backward(e.cleanups) {
		v()
	}
	e.cleanups = nil
}

func (e *env) Helper()                      {}
func (e *env) Name() string                 { return "bench" }
func (e *env) Failed() bool                 { return false }
func (e *env) Cleanup(f func())             { e.cleanups = append(e.cleanups, f) }
func (e *env) Logf(string, ...any)          {}
func (e *env) Errorf(f string, args ...any) { panic(ended{fmt.Sprintf(f, args...)}) }
func (e *env) Error(args ...any)            { panic(ended{fmt.Sprint(args...)}) }
func (e *env) Fatal(args ...any)            { panic(ended{fmt.Sprint(args...)}) }
func (e *env) Fatalf(f string, args ...any) { panic(ended{fmt.Sprintf(f, args...)}) }
func (e *env) Skipf(f string, args ...any)  { panic(ended{fmt.Sprintf(f, args...)}) }
