package configs

import (
	"encoding"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// setText sets a single value from its text. Its errors say what is expected
// and never repeat the text, which may be a secret.
func setText(v reflect.Value, s string) error {
	switch shapeOf(v.Type()) {
	case secret:
		v.SetString(s)
	case text, size:
		if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
			return u.UnmarshalText([]byte(s))
		}
		v.SetString(s)
	case boolean:
		switch s {
		case "true", "True", "TRUE":
			v.SetBool(true)
		case "false", "False", "FALSE":
			v.SetBool(false)
		default:
			return errors.New("expected true or false")
		}
	case whole:
		n, err := strconv.ParseInt(s, 10, v.Type().Bits())
		if err != nil {
			return errors.New("expected a whole number")
		}
		v.SetInt(n)
	case number:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return errors.New("expected a number")
		}
		v.SetFloat(f)
	case duration:
		d, err := ParseDuration(s)
		if err != nil {
			return err
		}
		v.SetInt(int64(d))
	default:
		return errors.New("expected a list or a section")
	}
	return nil
}

var errDuration = errors.New("expected a duration such as 30s, 5m, 48h or 7d")

// ParseDuration reads a duration as time.ParseDuration does, with days ("7d",
// "1d12h") and without negative ones.
func ParseDuration(s string) (time.Duration, error) {
	var days time.Duration
	if d, rest, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(d, 10, 16)
		if err != nil {
			return 0, errDuration
		}
		days = time.Duration(n) * 24 * time.Hour
		if s = rest; s == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || days > math.MaxInt64-d {
		return 0, errDuration
	}
	return days + d, nil
}

var errSize = errors.New("expected a size such as 512KiB, 25MiB, 1GiB, or a number of bytes")

var sizeUnits = []struct {
	name  string
	bytes Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// UnmarshalText reads "25MiB", "512 KiB", "1.5GiB" or a number of bytes.
func (s *Size) UnmarshalText(b []byte) error {
	digits, unit := string(b), Size(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(digits, u.name); ok {
			digits, unit = strings.TrimRight(rest, " "), u.bytes
			break
		}
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || strings.Trim(digits, "0123456789.") != "" || f*float64(unit) > 1<<60 {
		return errSize
	}
	*s = Size(f * float64(unit))
	return nil
}

// String returns the size in the largest unit that needs no fraction.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && s%u.bytes == 0 && u.bytes > 1 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText writes what String shows.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
