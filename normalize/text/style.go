package text

import (
	"regexp"
	"strings"
)

// safeValue is what the value of a style may be made of: words, numbers,
// colours and lists of them. Quotes stand around names of fonts. There is no
// colon, backslash, slash or semicolon in it, so no address and no escape.
var safeValue = regexp.MustCompile(`^[a-zA-Z0-9#.,% '"()-]{1,200}$`)

// function finds what is called in a value; only colours may be.
var function = regexp.MustCompile(`([a-zA-Z-]*) *\(`)

// safeStyle returns the declarations of a style attribute that are known to
// be harmless: they load nothing, hide nothing and stay in their place.
func safeStyle(s string) string {
	var kept []string
	for declaration := range strings.SplitSeq(s, ";") {
		property, value, _ := strings.Cut(declaration, ":")
		property = strings.ToLower(strings.TrimSpace(property))
		value = strings.TrimSpace(value)
		if important, ok := strings.CutSuffix(strings.ToLower(value), "!important"); ok {
			value = strings.TrimSpace(value[:len(important)])
		}
		if safeProperties[property] && isSafeValue(property, value) {
			kept = append(kept, property+": "+value)
		}
	}
	return strings.Join(kept, "; ")
}

func isSafeValue(property, value string) bool {
	if !safeValue.MatchString(value) ||
		strings.Count(value, `"`)%2 != 0 || strings.Count(value, "'")%2 != 0 ||
		strings.Count(value, "(") != strings.Count(value, ")") {
		return false
	}
	for _, call := range function.FindAllStringSubmatch(value, -1) {
		switch strings.ToLower(call[1]) {
		case "rgb", "rgba", "hsl", "hsla":
		default:
			return false
		}
	}
	// A negative margin draws over what is not the mail's.
	return !strings.HasPrefix(property, "margin") || !strings.Contains(value, "-")
}

var safeProperties = func() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(`
		color background-color
		font-family font-size font-style font-variant font-weight line-height letter-spacing
		text-align text-decoration text-indent text-transform vertical-align white-space word-break word-wrap
		direction list-style-type width height max-width min-width
		margin margin-top margin-right margin-bottom margin-left
		padding padding-top padding-right padding-bottom padding-left
		border border-top border-right border-bottom border-left border-color border-style border-width
		border-collapse border-spacing border-radius`) {
		m[name] = true
	}
	return m
}()
