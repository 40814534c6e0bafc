package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

const (
	mailUser  = "support@example.test"
	smallUser = "small@example.test"
)

// mailLimit is after how long one side of a round is given up.
const mailLimit = 30 * time.Minute

const noMbsync = "not measured: mbsync is not installed (package isync)"

// mailGoals has the e-mail channel catch up a mailbox on Dovecot, against
// mbsync that pulls the same one into a Maildir, both over TLS.
func (l *lab) mailGoals(ctx context.Context, _ string) ([]Result, error) {
	e := &env{}
	defer e.cleanUp()
	var server *testenv.IMAP
	what := fmt.Sprintf("sqlite: catching up a mailbox of %d mails", l.mails)
	if err := e.try(func() { server = testenv.Dovecot(e) }); err != nil {
		return []Result{{Goal: mailGoal, What: what, Measured: "not measured: " + err.Error(), Want: ">= 1.0", Scaled: l.mailsScaled}}, nil
	}
	small := l.mails / 2
	if err := e.try(func() { deliverAll(server, small, l.mails) }); err != nil {
		return nil, err
	}
	for user, n := range map[string]int{smallUser: small, mailUser: l.mails} {
		if err := warmUp(server, user, n); err != nil {
			return nil, err
		}
	}
	first, err := l.catchUp(ctx, server, smallUser, small, "")
	if err != nil {
		return nil, err
	}
	smallPeak := first.peak
	mbsync, err := exec.LookPath("mbsync")
	hasMbsync := err == nil
	var p pairs                          // of rates, so that more is better on both sides
	var peaks, work, theirWork []float64 // bytes; microseconds of processor time per mail
	for round := range l.mailRounds {
		profile := ""
		if round == 0 && l.profile != "" {
			profile = l.profile + "mail.pprof"
		}
		ours := func() (took time.Duration, err error) {
			c, err := l.catchUp(ctx, server, mailUser, l.mails, profile)
			peaks, work = append(peaks, c.peak), append(work, l.each(c.processor))
			return c.took, err
		}
		theirs := func() (time.Duration, error) {
			if !hasMbsync {
				theirWork = append(theirWork, 0)
				return time.Second, nil // no round's ratio is shown
			}
			c, err := l.pull(ctx, mbsync, server)
			theirWork = append(theirWork, l.each(c.processor))
			return c.took, err
		}
		ref, got, err := byTurns(round, theirs, ours)
		if err != nil {
			return nil, err
		}
		p.add(float64(l.mails)/ref.Seconds(), float64(l.mails)/got.Seconds())
		l.verbose("mail: mbsync %v, ours %v, processor time per mail %.0f µs, peak %s", ref, got, work[len(work)-1], mega(peaks[len(peaks)-1]))
	}
	n := float64(l.mails)
	speed := Result{
		Goal: mailGoal, What: what, Reference: fmt.Sprintf("mbsync %.2f s", n/median(p.ref)), Measured: fmt.Sprintf("%.2f s", n/median(p.got)),
		Ratio: p.ratio(), Want: ">= 1.0", Met: p.ratio() >= 1, Scaled: l.mailsScaled,
		Note: fmt.Sprintf("mbsync's seconds to ours; both over TLS, from the start of the process; parsed, with raw mail and files, committed durably, against a Maildir with fsync; "+
			"processor time per mail without the server's: %.0f µs, mbsync %.0f µs", median(work), median(theirWork)),
	}
	if !hasMbsync {
		speed.Reference, speed.Ratio, speed.Met = noMbsync, 0, false
	}
	peak := median(peaks) / smallPeak
	return []Result{speed, {
		Goal: mailGoal, What: fmt.Sprintf("sqlite: peak memory, mailbox of %d mails", l.mails), Reference: fmt.Sprintf("of %d mails %s", small, mega(smallPeak)),
		Measured: mega(median(peaks)), Ratio: peak, Want: "<= 1.3x", Met: peak <= 1.3, Scaled: l.mailsScaled, Note: "VmHWM of the process that catches up, the store's page cache included, which some 9000 mails fill",
	}}, nil
}

// each returns of a time the share of one mail, in microseconds.
func (l *lab) each(t time.Duration) float64 { return float64(t.Microseconds()) / float64(l.mails) }

// byTurns runs both sides of a round, each first in every other round.
func byTurns(round int, a, b func() (time.Duration, error)) (tookA, tookB time.Duration, err error) {
	if round%2 == 1 {
		tookB, tookA, err = byTurns(0, b, a)
		return tookA, tookB, err
	}
	if tookA, err = a(); err != nil {
		return 0, 0, err
	}
	tookB, err = b()
	return tookA, tookB, err
}

func deliverAll(server *testenv.IMAP, small, large int) {
	server.AddUsers(secret, mailUser, smallUser)
	for user, n := range map[string]int{smallUser: small, mailUser: large} {
		for l := newLetters(12); l.next < n; {
			raw, received := l.letter()
			server.DeliverAt(user, "INBOX", raw, received)
		}
	}
}

// warmUp has Dovecot number the mails and note their sizes, which whoever came
// first would otherwise pay for.
func warmUp(server *testenv.IMAP, user string, n int) (err error) {
	c, err := imapclient.DialInsecure("localhost:"+strconv.Itoa(server.Port), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.Login(user, secret).Wait(); err != nil {
		return err
	}
	box, err := c.Select("INBOX", nil).Wait()
	if err != nil {
		return err
	}
	if int(box.NumMessages) != n {
		return fmt.Errorf("the mailbox of %s holds %d mails, not %d", user, box.NumMessages, n)
	}
	return c.Fetch(imap.SeqSet{{Start: 1}}, &imap.FetchOptions{RFC822Size: true, InternalDate: true}).Close()
}

// caughtUp is what a run took: peak is of resident memory in bytes.
type caughtUp struct {
	took, processor time.Duration
	peak            float64
}

// catchUp reads a mailbox into a fresh store by a process of its own. What it
// and pull write stays until the bench ends: ext4 steps over each inode that was
// freed within the last minutes when it looks for a new one, so that a run would
// pay for the files of the one before, with a tenth of its processor time.
func (l *lab) catchUp(ctx context.Context, server *testenv.IMAP, user string, n int, profile string) (c caughtUp, err error) {
	ctx, cancel := context.WithTimeout(ctx, mailLimit)
	defer cancel()
	url, path, err := l.url(sqliteEngine)
	if err != nil {
		return c, err
	}
	m := mailbox{URL: url, Media: path + "-media", User: user, Host: server.Host, Port: server.TLSPort, CAFile: server.CAFile, Profile: profile, Mails: n}
	part, err := json.Marshal(m)
	if err != nil {
		return c, err
	}
	begun := time.Now()
	p, err := startChild(ctx, "mails", string(part))
	if err != nil {
		return c, err
	}
	defer p.kill()
	line, err := p.line()
	if err != nil {
		return c, err
	}
	c.took = time.Since(begun)
	if c.peak, err = strconv.ParseFloat(line, 64); err != nil {
		return c, err
	}
	if err := p.stop(); err != nil {
		return c, err
	}
	c.processor = busy(p.cmd)
	if err := verify(ctx, url, n, true); err != nil {
		return c, err
	}
	return c, nil
}

// mbsyncConf says fsync though that is the default, since the comparison rests
// on it.
const mbsyncConf = `FSync yes

IMAPStore far
Host %s
Port %d
User %s
Pass "%s"
SSLType IMAPS
SystemCertificates no
CertificateFile %s

MaildirStore near
Inbox %s

Channel mail
Far :far:
Near :near:
Sync Pull
Create Near
SyncState *
`

// pull has mbsync pull the mailbox into a fresh Maildir.
func (l *lab) pull(ctx context.Context, mbsync string, server *testenv.IMAP) (c caughtUp, err error) {
	ctx, cancel := context.WithTimeout(ctx, mailLimit)
	defer cancel()
	l.serial++
	dir := filepath.Join(l.dir, fmt.Sprint("mbsync-", l.serial))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return c, err
	}
	conf, maildir := filepath.Join(dir, "mbsyncrc"), filepath.Join(dir, "mail")
	text := fmt.Sprintf(mbsyncConf, server.Host, server.TLSPort, mailUser, secret, server.CAFile, maildir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return c, err
	}
	cmd := exec.CommandContext(ctx, mbsync, "-q", "-c", conf, "mail")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	begun := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return c, fmt.Errorf("mbsync: %w\n%s", err, out)
	}
	c.took, c.processor = time.Since(begun), busy(cmd)
	n := 0
	for _, sub := range []string{"new", "cur"} {
		files, err := os.ReadDir(filepath.Join(maildir, sub))
		if err != nil {
			return c, err
		}
		n += len(files)
	}
	if n != l.mails {
		return c, fmt.Errorf("mbsync left %d mails of %d: the run was broken and its times mean nothing", n, l.mails)
	}
	return c, nil
}
