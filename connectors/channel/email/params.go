package email

import "strings"

// parseParams takes apart a value such as Content-Type's: its main value in
// lower case, and its parameters, RFC 2231 and less orderly forms decoded.
func parseParams(v string) (string, map[string]string) {
	main, rest := mainValue(v)
	var segments []segment
	for range maxParams {
		rest = strings.TrimLeft(rest, "; \t")
		if rest == "" {
			break
		}
		var name, value string
		name, rest = cutAny(rest, "=;")
		if !strings.HasPrefix(rest, "=") {
			continue
		}
		value, rest = paramValue(strings.TrimLeft(rest[1:], " \t"))
		segments = append(segments, newSegment(paramName(name), value))
	}
	return main, joinSegments(segments)
}

// mainValue takes the main value off the front of such a value, in lower case.
func mainValue(v string) (main, rest string) {
	main, rest = cutAny(strings.TrimLeft(v, " \t"), "; \t")
	return strings.ToLower(strings.TrimSpace(main)), rest
}

// paramName takes what stands right before the equals sign: a comment or
// rubbish may come first.
func paramName(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	return s[strings.LastIndexAny(s, " \t)")+1:]
}

// paramValue reads a quoted or a bare value.
func paramValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		value, rest = cutAny(s, ";")
		return strings.TrimSpace(value), rest
	}
	var unescaped strings.Builder // what stands before from
	from := 1
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"' && closes(s[i+1:]):
			return unescaped.String() + s[from:i], s[i+1:]
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			unescaped.WriteString(s[from:i])
			i++
			from = i
		}
	}
	return strings.TrimSuffix(unescaped.String()+s[from:], `"`), ""
}

// closes reports whether a quote with rest behind it ends a value. One in the
// middle of a name, which should have been escaped, does not.
func closes(rest string) bool {
	rest = rest[:min(len(rest), 80)]
	trimmed := strings.TrimLeft(rest, " \t")
	if trimmed == "" || trimmed[0] == ';' || trimmed[0] == '(' {
		return true
	}
	name, after := cutAny(trimmed, "=; \t\"")
	return len(trimmed) < len(rest) && name != "" && strings.HasPrefix(after, "=")
}
