package testenv

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Deliver puts a message into a mailbox as an arriving mail, received now.
// It writes the store itself, so thousands take a second or two.
func (s *IMAP) Deliver(user, mailbox string, raw []byte) {
	s.t.Helper()
	s.DeliverAt(user, mailbox, raw, time.Now())
}

// DeliverAt is Deliver with a received time (IMAP's INTERNALDATE) of its own.
// UIDs follow the order of the calls, not the received times.
func (s *IMAP) DeliverAt(user, mailbox string, raw []byte, received time.Time) {
	s.t.Helper()
	if err := s.deliver(user, mailbox, raw, received); err != nil {
		s.t.Fatalf("deliver to %s of %s: %v", mailbox, user, err)
	}
}

// Messages returns the messages of a mailbox in the order of their arrival, as
// bytes with the line ends of the store (LF).
func (s *IMAP) Messages(user, mailbox string) [][]byte {
	s.t.Helper()
	var all [][]byte
	for range 10 { // a message that is renamed under our feet makes us look again
		all = all[:0]
		complete := true
		for _, f := range s.list(user, mailbox) {
			raw, err := os.ReadFile(f.path)
			if errors.Is(err, fs.ErrNotExist) {
				complete = false
				break
			}
			if err != nil {
				s.t.Fatal(err)
			}
			all = append(all, raw)
		}
		if complete {
			return all
		}
	}
	s.t.Fatalf("%s of %s changes faster than it can be read", mailbox, user)
	return nil
}

// Count returns how many messages a mailbox holds, without reading them.
func (s *IMAP) Count(user, mailbox string) int {
	s.t.Helper()
	return len(s.list(user, mailbox))
}

// Flags returns the flags of each message, in the order of Messages: system
// flags such as `\Seen`, then keywords.
func (s *IMAP) Flags(user, mailbox string) [][]string {
	s.t.Helper()
	keywords := map[rune]string{}
	list, _ := os.ReadFile(filepath.Join(s.maildir(user, mailbox), "dovecot-keywords"))
	for line := range strings.Lines(string(list)) {
		if n, word, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			if i, err := strconv.Atoi(n); err == nil {
				keywords['a'+rune(i)] = word
			}
		}
	}
	system := map[rune]string{'D': `\Draft`, 'F': `\Flagged`, 'P': `$Forwarded`, 'R': `\Answered`, 'S': `\Seen`, 'T': `\Deleted`}
	var all [][]string
	for _, f := range s.list(user, mailbox) {
		flags := []string{}
		for _, letter := range f.flags {
			if name := cmp.Or(system[letter], keywords[letter]); name != "" {
				flags = append(flags, name)
			}
		}
		all = append(all, flags)
	}
	return all
}

// BumpUIDValidity gives the mailbox a new UIDVALIDITY and every message a new
// UID counted from 1, as after a restore from a backup.
func (s *IMAP) BumpUIDValidity(user, mailbox string) {
	s.t.Helper()
	dir := s.maildir(user, mailbox)
	old, err := os.ReadFile(filepath.Join(dir, "dovecot-uidlist"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	validity := time.Now().Unix()
	if m := uidListHead.FindSubmatch(old); m != nil {
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		validity = max(validity, n) + 1
	}
	caches, _ := filepath.Glob(filepath.Join(dir, "dovecot.index*"))
	for _, f := range caches {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.t.Fatal(err)
		}
	}
	temp := s.box.file("uidlist.new")
	head := fmt.Appendf(nil, "3 V%d N1\n", validity)
	if err := errors.Join(os.WriteFile(temp, head, 0o600), s.mail.own(temp), os.Rename(temp, filepath.Join(dir, "dovecot-uidlist"))); err != nil {
		s.t.Fatal(err)
	}
}

var uidListHead = regexp.MustCompile(`^3 V(\d+) `)

// maildir returns the folder of a mailbox in the Maildir++ layout.
func (s *IMAP) maildir(user, mailbox string) string {
	dir := filepath.Join(s.home(user), "Maildir")
	if strings.EqualFold(mailbox, "INBOX") {
		return dir
	}
	return filepath.Join(dir, "."+strings.ReplaceAll(mailbox, "/", "."))
}

func (s *IMAP) deliver(user, mailbox string, raw []byte, received time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.users[user]; !ok {
		return errors.New("no such user; call AddUser first")
	}
	// Dovecot gives UIDs to new files by the microseconds in their names.
	now := time.Now().Truncate(time.Microsecond)
	if !now.After(s.last) {
		now = s.last.Add(time.Microsecond)
	}
	s.last = now
	dir := s.maildir(user, mailbox)
	for _, d := range []string{s.maildir(user, "INBOX"), dir, dir + "/tmp", dir + "/new", dir + "/cur"} {
		if err := s.mkdir(d); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("%d.M%dP%d.testenv", now.Unix(), now.Nanosecond()/1000, os.Getpid())
	temp := filepath.Join(dir, "tmp", name)
	return errors.Join(
		os.WriteFile(temp, raw, 0o600),
		s.mail.own(temp),
		os.Chtimes(temp, received, received),
		os.Rename(temp, filepath.Join(dir, "new", name)))
}

type storedFile struct {
	path, base, flags string
	sec, usec         int64
}

// list finds the messages of a mailbox, oldest first. It reads new before cur,
// since a message moves only that way; one seen twice counts once.
func (s *IMAP) list(user, mailbox string) []storedFile {
	s.t.Helper()
	found := map[string]storedFile{}
	for _, sub := range []string{"new", "cur"} {
		dir := filepath.Join(s.maildir(user, mailbox), sub)
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.t.Fatal(err)
		}
		for _, e := range entries {
			base, flags, _ := strings.Cut(e.Name(), ":2,")
			base, _, _ = strings.Cut(base, ",") // ,S= and ,W= are sizes
			f := storedFile{path: filepath.Join(dir, e.Name()), base: base, flags: flags}
			if m := maildirName.FindStringSubmatch(base); m != nil {
				f.sec, _ = strconv.ParseInt(m[1], 10, 64)
				f.usec, _ = strconv.ParseInt(m[2], 10, 64)
			}
			found[base] = f
		}
	}
	all := make([]storedFile, 0, len(found))
	for _, f := range found {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b storedFile) int {
		return cmp.Or(cmp.Compare(a.sec, b.sec), cmp.Compare(a.usec, b.usec), cmp.Compare(a.base, b.base))
	})
	return all
}

// maildirName matches the names that Dovecot, Postfix and deliver give; they
// differ in what follows M, which is the microseconds in all three.
var maildirName = regexp.MustCompile(`^(\d+)\.(?:.*?)M(\d+)`)
