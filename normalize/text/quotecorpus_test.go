package text

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestRepliesOfOthers measures against what another parser says of replies in
// many languages. That is no gospel: it drops the quotes that answers stand
// between, and what stands below any line of dashes. So nine in ten have to
// agree in every word, and -v lists the others.
func TestRepliesOfOthers(t *testing.T) {
	folder := os.Getenv("DESKBRIDGE_CORPUS")
	if folder == "" {
		folder = "../../../shared/corpus"
	}
	folder = filepath.Join(folder, "replies")
	list, err := os.ReadFile(filepath.Join(folder, "expected.jsonl"))
	if err != nil {
		testenv.NotTested(t, "agreement with another parser of replies: the folder with its fixtures is not there (DESKBRIDGE_CORPUS names it)")
	}
	total, agreed, words := 0, 0, 0.0
	for dec := json.NewDecoder(bytes.NewReader(list)); dec.More(); {
		var want struct{ File, Visible string }
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(want.File)))
		if err != nil {
			t.Fatal(err)
		}
		total++
		got := NewlyWritten(Clean(string(raw)))
		share := sharedWords(got, want.Visible)
		words += share
		if share == 1 {
			agreed++
			continue
		}
		t.Logf("%s differs (%.2f):\n%s\n--- not\n%s", want.File, share, got, want.Visible)
	}
	t.Logf("%d of %d agree in every word; on average %.3f of the words", agreed, total, words/float64(total))
	// The goal, which is what has been reached.
	if agreed*100 < total*90 {
		t.Errorf("%d of %d agree", agreed, total)
	}
}

// sharedWords returns the share of words that both texts have, 1 where they
// are the same but for white space.
func sharedWords(a, b string) float64 {
	x, y := strings.Fields(a), strings.Fields(b)
	if slices.Equal(x, y) {
		return 1
	}
	count := map[string]int{}
	for _, w := range x {
		count[w]++
	}
	both := 0
	for _, w := range y {
		if count[w] > 0 {
			count[w]--
			both++
		}
	}
	return 2 * float64(both) / float64(len(x)+len(y)+1) // not 1, since the order differs at least
}
