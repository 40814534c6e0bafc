package stage

import (
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestEveryWordIsInChinese(t *testing.T) {
	used := map[string]bool{}
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, n := range names {
		b, err := fs.ReadFile(pageFiles, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bt ("[^"]+")`).FindAllStringSubmatch(string(b), -1) {
			w, err := strconv.Unquote(m[1])
			if err != nil {
				t.Fatal(err)
			}
			used[w] = true
		}
	}
	for _, a := range apps {
		used[a.name] = true
	}
	for _, err := range []error{errNoWords, errLong, errPicture, errTooLarge, errCutShort} {
		used[err.Error()] = true
	}
	for w := range used {
		if own := chinese[w]; own == "" || strings.Count(own, "%") != strings.Count(w, "%") {
			t.Errorf("%q is %q in Chinese", w, own)
		}
	}
	for w := range chinese {
		if !used[w] {
			t.Errorf("%q is said nowhere", w)
		}
	}
}
