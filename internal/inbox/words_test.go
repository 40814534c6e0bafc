package inbox

import (
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/normalize"
)

var (
	inPages = regexp.MustCompile(`\{\{t ("[^"]+")`)
	inCode  = regexp.MustCompile(`\.t\(("[^"]+")`)
)

func TestEveryWordIsInChinese(t *testing.T) {
	used := map[string]bool{}
	collect := func(files fs.FS, pattern string, words *regexp.Regexp) {
		names, err := fs.Glob(files, pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		for _, n := range names {
			b, err := fs.ReadFile(files, n)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range words.FindAllStringSubmatch(string(b), -1) {
				w, err := strconv.Unquote(m[1])
				if err != nil {
					t.Fatal(err)
				}
				used[w] = true
			}
		}
	}
	collect(pageFiles, "pages/*.html", inPages)
	collect(os.DirFS("."), "*.go", inCode)
	for _, k := range []normalize.PartKind{
		normalize.PartText, normalize.PartImage, normalize.PartAudio, normalize.PartVideo, normalize.PartFile, normalize.PartLocation,
		normalize.PartContact, normalize.PartSticker, normalize.PartCall, normalize.PartEvent,
	} {
		used[string(k)] = true
	}
	for _, w := range []string{
		"Incoming call", "Missed call", "Call under way", "Call", "connected", "degraded", "down",
		"job queued", "job failed", "job uncertain", "job expired", "outcome accepted", "outcome duplicate", "outcome echo", "outcome ignored", "outcome waiting", "outcome quarantined",
		"All", "Mine", "Nobody's",
	} {
		used[w] = true
	}
	for w := range used {
		if own := chinese[w]; own == "" || strings.Count(own, "%") != strings.Count(w, "%") {
			t.Errorf("%q is %q in Chinese", w, own)
		}
	}
	for w := range chinese {
		if !used[w] && !strings.HasPrefix(w, "refused:") {
			t.Errorf("%q is said nowhere", w)
		}
	}
}
