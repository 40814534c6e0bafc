// Package cli draws what the commands show: timelines, the life of a message,
// tables and checks. It reads and decides nothing; each function is pure, so
// that golden files can hold it to its looks.
//
// All text that came from outside goes through Safe or Line, since a
// customer's words must not steer an administrator's terminal.
package cli

import (
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Options say how to draw.
type Options struct {
	// Width is the number of terminal columns.
	Width int
	Color bool
	// Zone is where times are shown in; nil is UTC.
	Zone *time.Location
	// Now is what "ago" counts from.
	Now time.Time
	// Redact replaces secrets in text that may quote a vendor; nil is none.
	Redact func(string) string
}

const (
	widthDefault = 100
	widthMin     = 40
	widthMax     = 120 // longer lines are hard to read
)

// Detect returns the options for w: colour only on a terminal and without
// NO_COLOR (no-color.org), the width of the terminal, else $COLUMNS.
func Detect(w io.Writer, getenv func(string) string, zone *time.Location, now time.Time) Options {
	o := Options{Width: widthDefault, Zone: zone, Now: now}
	if n, err := strconv.Atoi(getenv("COLUMNS")); err == nil && n > 0 {
		o.Width = n
	}
	if f, ok := w.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			o.Color = getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
			if size.Col > 0 {
				o.Width = int(size.Col)
			}
		}
	}
	o.Width = min(max(o.Width, widthMin), widthMax)
	return o
}

func (o Options) in(t time.Time) time.Time {
	if o.Zone == nil {
		return t.UTC()
	}
	return t.In(o.Zone)
}

func (o Options) redact(s string) string {
	if o.Redact == nil {
		return s
	}
	return o.Redact(s)
}

// line returns a vendor's or customer's words as one harmless line.
func (o Options) line(s string) string { return Line(o.redact(s)) }

// style is a colour of the terminal.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	blue   style = "34"
	cyan   style = "36"
)

// paint colours s, which must hold no colour yet.
func (o Options) paint(st style, s string) string {
	if !o.Color || st == plain || s == "" {
		return s
	}
	return "\x1b[" + string(st) + "m" + s + "\x1b[0m"
}
