package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Size returns a number of bytes as people read it: 512 B, 4.2 KiB, 25 MiB.
func Size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), -1
	for f >= 1024 && unit < 3 {
		f /= 1024
		unit++
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") + " " + []string{"KiB", "MiB", "GiB", "TiB"}[unit]
}

// Span returns a duration with the precision that matters: 9ms, 1.2s, 4m30s,
// 3h20m, 2d4h.
func Span(d time.Duration) string {
	if d < 0 {
		return "-" + Span(-d)
	}
	two := func(big time.Duration, a string, small time.Duration, b string) string {
		s := fmt.Sprintf("%d%s", d/big, a)
		if rest := d % big / small; rest > 0 {
			s += fmt.Sprintf("%d%s", rest, b)
		}
		return s
	}
	switch {
	case d < time.Millisecond:
		return "0s"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + "s"
	case d < time.Hour:
		return two(time.Minute, "m", time.Second, "s")
	case d < 24*time.Hour:
		return two(time.Hour, "h", time.Minute, "m")
	}
	return two(24*time.Hour, "d", time.Hour, "h")
}

// Count returns a number of things in words: "1 part", "2 parts".
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// Ago returns how long before now t was: "5m ago", "in 30s" or "-" for none.
func (o Options) Ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := o.Now.Sub(t)
	unit := time.Second
	if d.Abs() >= time.Hour {
		unit = time.Minute
	}
	switch d = d.Round(unit); {
	case d == 0:
		return "now"
	case d < 0:
		return "in " + Span(-d)
	}
	return Span(d) + " ago"
}

// Stamp returns a time to the second, in the zone of the options.
func (o Options) Stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return o.in(t).Format("2006-01-02 15:04:05")
}
