package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/deskbridge/deskbridge/internal/cli"
)

// env is what a command's Run gets: where it reads, writes and looks.
type env struct {
	ctx    context.Context
	config string // path of the configuration
	in     io.Reader
	out    io.Writer
	err    io.Writer
	opts   cli.Options
}

func newEnv(ctx context.Context, c *commands, in io.Reader, out, errOut io.Writer) *env {
	zone := time.Local
	if c.UTC {
		zone = time.UTC
	}
	return &env{
		ctx: ctx, config: c.Config, in: in, out: out, err: errOut,
		opts: cli.Detect(out, os.Getenv, zone, time.Now().UTC()),
	}
}

// terminal reports whether people read the output.
func (e *env) terminal() bool {
	f, ok := e.out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// say writes one line of output. Its error is that of a closed pipe, which
// the next write of the command meets as well.
func (e *env) say(format string, args ...any) {
	_, _ = fmt.Fprintf(e.out, format+"\n", args...)
}

// json writes v as JSON.
func (e *env) json(v any) error { return e.opts.WriteJSON(e.out, v) }

// usageError is an error of whoever wrote the command line or the file.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func badUsage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errReported is a failure that the output has told of already.
var errReported = errors.New("failed")
