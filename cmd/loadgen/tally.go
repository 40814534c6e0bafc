package main

import (
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// tally knows every message of a run and what became of it. Messages are
// numbered: those of the first line come first.
type tally struct {
	run        string // stands in every text, since the daemon remembers earlier runs
	perChannel int
	text       *regexp.Regexp

	mu      sync.Mutex
	entries []entry
	warm    []bool // by line
}

// entry is one customer's message and the answer to it.
type entry struct {
	written time.Time
	handed  bool  // the vendor is done with it
	refused error // why the vendor could not hand it over
	heard   time.Duration
	message string // the daemon's id
	doubled int    // further messages with the same words

	asked  bool   // the API has taken the answer
	status string // of the answer
}

func newTally(run string, lines, perChannel int) *tally {
	return &tally{
		run: run, perChannel: perChannel, text: regexp.MustCompile(`(message|answer|greeting) ([0-9]{1,7}) of ` + run),
		entries: make([]entry, lines*perChannel), warm: make([]bool, lines),
	}
}

// read finds what a text is: message, answer or greeting, and its number.
func (t *tally) read(text string) (kind string, id int, ok bool) {
	m := t.text.FindStringSubmatch(text)
	if m == nil {
		return "", 0, false
	}
	id, err := strconv.Atoi(m[2])
	bound := len(t.entries)
	if m[1] == "greeting" {
		bound = len(t.warm)
	}
	return m[1], id, err == nil && id < bound
}

func (t *tally) greeting(line int) string { return fmt.Sprintf("greeting %d of %s", line, t.run) }
func (t *tally) answer(id int) string     { return fmt.Sprintf("answer %d of %s", id, t.run) }

// begin notes that a message is being written, and returns its text.
func (t *tally) begin(id int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries[id].written = time.Now()
	return fmt.Sprintf("message %d of %s", id, t.run)
}

// took notes how the vendor got rid of a message.
func (t *tally) took(id int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries[id].handed, t.entries[id].refused = true, err
}

// heard notes an event of a message, and reports whether it is the first one.
func (t *tally) heard(id int, message string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &t.entries[id]
	switch e.message {
	case "":
		e.message, e.heard = message, time.Since(e.written)
		return true
	case message:
	default:
		e.doubled++
	}
	return false
}

func (t *tally) warmed(line int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.warm[line] = true
}

func (t *tally) isWarm(line int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.warm[line]
}

// asked notes that the API has taken or refused an answer.
func (t *tally) asked(id int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries[id].asked = true
}

// became notes where an answer stands.
func (t *tally) became(id int, status string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries[id].status = status
}

// Where an answer may stand that the daemon is done with.
var final = map[string]bool{"accepted": true, "delivered": true, "read": true, "failed": true, "uncertain": true}

// settled reports whether nothing is under way. What is uncertain may still be
// found out; nobody waits for that.
func (t *tally) settled(answers bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.entries {
		e := &t.entries[i]
		if e.message == "" && e.refused == nil || answers && e.message != "" && !final[e.status] {
			return false
		}
	}
	return true
}

// of returns the entries of a line.
func (t *tally) of(line int) []entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]entry(nil), t.entries[line*t.perChannel:(line+1)*t.perChannel]...)
}
