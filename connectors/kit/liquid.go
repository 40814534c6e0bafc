package kit

import "strings"

var unfilled = strings.NewReplacer("{{", "{\u200b{", "{%", "{\u200b%")

// Literal keeps products that fill in templates of the Liquid kind, {{ name }},
// in what they are given from doing so: a space without width stands within the
// braces.
func Literal(s string) string { return unfilled.Replace(s) }
