package wecomkf

import (
	"encoding/json"
	"strconv"
	"strings"
)

// The documentation and the wire differ in small things: a number that comes
// as a string, a list where one string is documented. None of them makes a
// customer's message unreadable.

// number takes 12, "12" and null.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "" || s == "null" {
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return err
	}
	*n = number(f)
	return nil
}

// words takes a string, a number, or a list of them. Of anything else it takes
// nothing.
type words string

func (w *words) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*w = words(plain(v))
	return nil
}

func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		var list []string
		for _, item := range v {
			if s := plain(item); s != "" {
				list = append(list, s)
			}
		}
		return strings.Join(list, ", ")
	}
	return ""
}
