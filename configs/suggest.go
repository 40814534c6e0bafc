package configs

import (
	"fmt"
	"strings"
)

// suggest returns `: did you mean "port"?` where one of known is close to s.
func suggest(s string, known []string) string {
	if len(s) > 64 {
		return ""
	}
	best, found := 3, ""
	for _, k := range known {
		// Two letters may differ in a word of four or more.
		if d := distance(fold(s), fold(k)); d < best && d <= max(1, min(len(k), len(s))/2) {
			best, found = d, k
		}
	}
	if found == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", found)
}

// fold makes what people mix up equal.
func fold(s string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
}

// distance is how many letters must be added, taken out, changed or swapped
// with their neighbour to make b of a.
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
