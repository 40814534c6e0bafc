package timeline

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

func clean(s string) string { return strings.TrimRight(text.Clean(s), "\n") }

// cleaner is clean for texts of which several are the same, as a message's and
// its part's are.
type cleaner struct{ in, out string }

func (c *cleaner) clean(s string) string {
	if s != c.in {
		c.in, c.out = s, clean(s)
	}
	return c.out
}

func line(s string) string { return text.Truncate(s, maxName) }

// reason is the short form of an error for the ledger.
func reason(err error) string { return text.Truncate(err.Error(), maxReason) }

// vendorID makes an id storable. One that is too long keeps its own identity
// by a digest: cut short, it could be taken for another. What names a message
// and what refers to it go through here alike, so that they meet.
func vendorID(s string) string {
	s = text.CleanLine(s)
	if len(s) <= maxID {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + hex.EncodeToString(sum[:])
}

func scrubAddress(a normalize.Address) normalize.Address {
	return normalize.Address{Kind: line(a.Kind), Value: text.CleanLine(a.Value), Name: line(a.Name)}
}

// scrubAddresses leaves out what is no address.
func scrubAddresses(list []normalize.Address) []normalize.Address {
	var kept []normalize.Address
	for _, a := range list {
		if a = scrubAddress(a); !a.IsZero() && len(a.Value) <= maxID {
			kept = append(kept, a)
		}
	}
	return kept
}

func scrubAuthor(a *normalize.Author) *normalize.Author {
	if a == nil {
		return nil
	}
	return &normalize.Author{Name: line(a.Name), Email: line(a.Email)}
}

// scrubAuthentication leaves out a verdict that is none.
func scrubAuthentication(a *normalize.Authentication) *normalize.Authentication {
	if a == nil || a.Verdict != normalize.Authenticated && a.Verdict != normalize.Unauthenticated {
		return nil
	}
	return &normalize.Authentication{Verdict: a.Verdict, By: line(a.By), Domain: line(a.Domain)}
}

func checkThread(t *normalize.Thread) error {
	if n := len(t.To) + len(t.Cc); n > maxParts {
		return tooMany("recipients", n, maxParts)
	}
	if n := len(t.References); n > maxParts {
		return tooMany("references", n, maxParts)
	}
	t.ID, t.Key, t.ReplyTo = vendorID(t.ID), vendorID(t.Key), vendorID(t.ReplyTo)
	t.References = slices.Clone(t.References)
	for i, r := range t.References {
		t.References[i] = vendorID(r)
	}
	t.To, t.Cc = scrubAddresses(t.To), scrubAddresses(t.Cc)
	return nil
}

func checkPart(p *normalize.Part, texts *cleaner, now time.Time) error {
	p.Text, p.HTML, p.Event, p.Error = texts.clean(p.Text), clean(p.HTML), line(p.Event), ""
	if f := p.Media; f != nil {
		f.ID = normalize.NewID(now)
		f.Name, f.ContentType, f.ContentID = line(f.Name), line(f.ContentType), line(f.ContentID)
		if f.Data != nil {
			f.Ref = ""
		}
		if len(f.Ref) > maxRef {
			return fmt.Errorf("ref_too_long: the reference of a medium has %d bytes, at most %d are taken", len(f.Ref), maxRef)
		}
		if f.Ref != "" {
			p.Status = normalize.StatusPending
		}
	}
	if l := p.Location; l != nil {
		// Written so that it catches what is not a number, too.
		if !(math.Abs(l.Latitude) <= 90 && math.Abs(l.Longitude) <= 180) {
			return errors.New("bad_location: not a place on earth")
		}
		l.Name, l.Address = line(l.Name), line(l.Address)
	}
	if c := p.Contact; c != nil {
		if len(c.Addresses) > maxParts {
			return tooMany("addresses", len(c.Addresses), maxParts)
		}
		c.Name, c.Addresses = line(c.Name), scrubAddresses(c.Addresses)
	}
	if c := p.Call; c != nil {
		c.State = normalize.CallState(line(string(c.State)))
	}
	return nil
}
