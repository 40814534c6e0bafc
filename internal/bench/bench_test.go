package main

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

func TestMain(m *testing.M) {
	if !runChild() {
		m.Run()
	}
}

// The smallest run of the whole bench: it cannot rot, and finds the right
// rows in each store. What it measures means nothing and is not looked at.
func TestBenchRuns(t *testing.T) {
	var out, errs bytes.Buffer
	if err := run(t.Context(), []string{"-quick", "-json", "-v", "-dir", t.TempDir()}, &out, &errs); err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	var results []Result
	if err := json.Unmarshal(out.Bytes(), &results); err != nil {
		t.Fatal(err)
	}
	var seen []int
	for _, r := range results {
		seen = append(seen, r.Goal)
		if r.Measured == "" || r.Goal != 0 && r.Want == "" {
			t.Errorf("a line is incomplete: %+v", r)
		}
	}
	if want, got := []int{0, 1, 2, 4, 5, 7, 9, 10, 11, mailGoal, ackGoal}, slices.Compact(seen); !slices.Equal(got, want) {
		t.Errorf("goals %v, want %v", got, want)
	}
	for _, r := range results {
		if r.Goal == mailGoal && (r.Reference == noMbsync || strings.HasPrefix(r.Measured, "not measured")) {
			t.Run("mail", func(t *testing.T) { testenv.NotTested(t, r.What+": "+r.Reference+r.Measured) })
		}
	}
	if err := printTable(&out, results); err != nil {
		t.Error(err)
	}
}

func TestABrokenRunDoesNotCount(t *testing.T) {
	l, err := newLab(quick, t.TempDir(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	b, err := l.fresh(t.Context(), sqliteEngine)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(t.Context(), b, newTraffic(1, 50, shortText), 50); err != nil {
		t.Fatal(err)
	}
	// The same messages again are duplicates, which are taken in fast.
	if err := fill(t.Context(), b, newTraffic(1, 50, shortText), 50); err != nil {
		t.Fatal(err)
	}
	if err := b.finish(t.Context(), 100); err == nil {
		t.Error("50 messages passed for 100")
	}
}

func TestTheRatioIsThatOfTheRounds(t *testing.T) {
	var p pairs
	p.add(100, 80)
	p.add(10, 9) // the machine was slow in this round, for both
	p.add(100, 70)
	if got := p.ratio(); got != 0.8 {
		t.Errorf("ratio %v", got)
	}
	l := load{n: 4, took: 2 * time.Second, each: []time.Duration{1, 2, 3, 4}}
	if l.rate() != 2 || l.at(50) != 3 || l.at(99) != 4 {
		t.Errorf("rate %v, p50 %v, p99 %v", l.rate(), l.at(50), l.at(99))
	}
}

// Two sides that swap places must not swap their times.
func TestEachRoundBeginsWithTheOtherSide(t *testing.T) {
	for round, want := range []string{"ab", "ba", "ab"} {
		order := ""
		side := func(name string, took time.Duration) func() (time.Duration, error) {
			return func() (time.Duration, error) { order += name; return took, nil }
		}
		a, b, err := byTurns(round, side("a", 1), side("b", 2))
		if a != 1 || b != 2 || err != nil || order != want {
			t.Errorf("round %d: %v %v %v in the order %s", round, a, b, err, order)
		}
	}
}

// A reply must name the mail that it answers, and a mailbox be the same each time.
func TestLettersAreAlwaysTheSame(t *testing.T) {
	one, two := newLetters(12), newLetters(12)
	var files, before int
	for n := range 40 {
		a, _ := one.letter()
		b, _ := two.letter()
		if !bytes.Equal(a, b) {
			t.Fatalf("mail %d differs", n)
		}
		if answers := bytes.Contains(a, fmt.Appendf(nil, "In-Reply-To: <m%d@", before)); answers != (n%2 == 1) {
			t.Errorf("mail %d answers the one before: %v", n, answers)
		}
		if before = n; len(a) > 50<<10 {
			files++
		}
	}
	if files != 4 {
		t.Errorf("%d of 40 mails have a large file", files)
	}
}

// A text that packs too well would make the store look small.
func TestTextsPackLikeLetters(t *testing.T) {
	page, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	prose := page[bytes.Index(page, []byte("## How a message travels")):]
	letter := packed(t, string(prose[:messageSize]))
	sum, w := 0, newWriter(1)
	for range 100 {
		s := w.text(messageSize)
		if len(s) < messageSize-2 {
			t.Fatalf("a text of %d bytes", len(s))
		}
		sum += packed(t, s)
	}
	t.Logf("a letter packs to %d bytes, our texts to %d", letter, sum/100)
	if sum/100 < letter*9/10 {
		t.Errorf("our texts pack to %d bytes, prose to %d", sum/100, letter)
	}
}

func packed(t *testing.T, s string) int {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}
