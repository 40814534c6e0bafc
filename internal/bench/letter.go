package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"time"
)

// letters makes mails as a support mailbox has them, always the same for one
// seed: of ten, five are plain, four have an HTML version, one has a file of
// 50 to 200 KB. The texts have 1 to 8 KB; every other mail answers the
// customer's one before.
type letters struct {
	w    *writer
	next int
}

// letterStart is when the first mail was received; one follows each minute.
var letterStart = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

func newLetters(seed uint64) *letters { return &letters{w: newWriter(seed)} }

// letter returns the next mail, with the line ends of a Maildir (LF).
func (l *letters) letter() (raw []byte, received time.Time) {
	n := l.next
	l.next++
	received = letterStart.Add(time.Duration(n) * time.Minute)
	customer := n / 2
	var b bytes.Buffer
	fmt.Fprintf(&b, "Return-Path: <c%d@customers.test>\nReceived: from mx.customers.test by mx.example.test; %s\n", customer, received.Format(time.RFC1123Z))
	fmt.Fprintf(&b, "From: %s <c%d@customers.test>\nTo: Support <%s>\nDate: %s\nMessage-ID: <m%d@customers.test>\n", name(customer), customer, mailUser, received.Format(time.RFC1123Z), n)
	subject := fmt.Sprint("Order ", customer)
	if n%2 == 1 {
		fmt.Fprintf(&b, "In-Reply-To: <m%d@customers.test>\nReferences: <m%[1]d@customers.test>\n", n-1)
		subject = "Re: " + subject
	}
	fmt.Fprintf(&b, "Subject: %s\nMIME-Version: 1.0\n", subject)
	text := l.w.text(1024 + l.w.rng.IntN(7<<10))
	switch n % 10 {
	case 1, 3, 6, 8:
		half := text[:len(text)/2]
		fmt.Fprintf(&b, "Content-Type: multipart/alternative; boundary=\"=_alt\"\n\n--=_alt\n%s\n--=_alt\n"+
			"Content-Type: text/html; charset=utf-8\n\n<html><body><p>%s</p></body></html>\n--=_alt--\n", plainPart(half), half)
	case 4:
		file := make([]byte, 50<<10+l.w.rng.IntN(150<<10))
		for i := range file {
			file[i] = byte(l.w.rng.Uint32())
		}
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=\"=_mix\"\n\n--=_mix\n%s\n--=_mix\n"+
			"Content-Type: application/pdf; name=\"order-%d.pdf\"\nContent-Disposition: attachment; filename=\"order-%[2]d.pdf\"\nContent-Transfer-Encoding: base64\n\n", plainPart(text), n)
		for encoded := base64.StdEncoding.EncodeToString(file); encoded != ""; {
			line := min(76, len(encoded))
			b.WriteString(encoded[:line] + "\n")
			encoded = encoded[line:]
		}
		b.WriteString("--=_mix--\n")
	default:
		b.WriteString(plainPart(text))
	}
	return b.Bytes(), received
}

func plainPart(text string) string {
	return "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + text + "\n"
}
