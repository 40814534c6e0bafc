package connectortest

import (
	"cmp"
	"strings"
	"testing"
	"unicode/utf16"

	"go.uber.org/goleak"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

// limits: what Limits says can be sent is taken, up to the last character.
func (s Suite) limits(t *testing.T) {
	a := s.open(t, s.vendor(t))
	sender := a.sender(t)
	l, err := sender.Limits(t.Context(), s.Thread)
	if err != nil {
		t.Fatal(err)
	}
	if l.Rate <= 0 {
		t.Error("no rate: every vendor has one")
	}
	if _, ok := l.Kinds[normalize.PartText]; !ok {
		t.Error("no text: then nothing can stand in for what the channel cannot carry")
	}
	for kind, limit := range l.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			p, ok := s.Parts[kind]
			if !ok {
				p = sample(kind, limit)
			}
			s.sent(t, sender, p)
		})
	}
	for what, words := range longest(l) {
		t.Run("longest text, "+what, func(t *testing.T) {
			another := s.open(t, s.vendor(t)) // the vendor may count answers
			s.sent(t, another.sender(t), normalize.Part{Kind: normalize.PartText, Text: words})
		})
	}
	if l.TextUnits > 0 {
		t.Run("longest text of emoji", func(t *testing.T) {
			s.sent(t, sender, normalize.Part{Kind: normalize.PartText, Text: strings.Repeat("😀", l.TextUnits/2)})
		})
	}
}

// longest are texts that are just short enough, of characters that take up
// little and much.
func longest(l channel.Limits) map[string]string {
	all := map[string]string{}
	for what, c := range map[string]string{"letters": "a", "ideographs": "文", "emoji": "😀"} {
		n := 0
		for _, b := range []struct{ limit, each int }{{l.TextRunes, 1}, {l.TextUnits, len(utf16.Encode([]rune(c)))}, {l.TextBytes, len(c)}} {
			if fits := b.limit / b.each; fits > 0 && (n == 0 || fits < n) {
				n = fits
			}
		}
		if n > 0 {
			all[what] = strings.Repeat(c, n)
		}
	}
	return all
}

func (s Suite) sent(t *testing.T, sender channel.Sender, p normalize.Part) {
	t.Helper()
	o := s.outbound(p)
	sent, err := sender.Send(t.Context(), o.Outbound)
	if err != nil {
		t.Fatal(err)
	}
	if o.begun.Load() != 1 {
		t.Errorf("Begin was called %d times, want once", o.begun.Load())
	}
	if sent.ExternalID == "" {
		t.Error("the vendor's id is missing: no receipt will find it")
	}
}

// sample is a part of a kind, small enough for all.
func sample(kind normalize.PartKind, limit channel.MediaLimit) normalize.Part {
	p := normalize.Part{Kind: kind}
	switch kind {
	case normalize.PartText:
		p.Text = words
	case normalize.PartLocation:
		p.Location = &normalize.Location{Latitude: 31.23, Longitude: 121.47, Name: "Shanghai", Address: "People's Square"}
	case normalize.PartContact:
		p.Contact = &normalize.Contact{Name: "Support", Addresses: []normalize.Address{{Kind: normalize.KindPhone, Value: "+4930901820"}}}
	default:
		content := contents[kind]
		p.Media = &normalize.Media{Name: "sample." + content.extension, ContentType: content.contentType, Data: []byte(content.data)}
		if len(limit.Types) > 0 {
			p.Media.ContentType = cmp.Or(find(limit.Types, content.contentType), limit.Types[0])
		}
		p.Media.Size = int64(len(p.Media.Data))
	}
	return p
}

func find(list []string, want string) string {
	for _, s := range list {
		if s == want {
			return s
		}
	}
	return ""
}

type content struct{ extension, contentType, data string }

// contents begin as files of their type do.
var contents = map[normalize.PartKind]content{
	normalize.PartImage:   {"png", "image/png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"},
	normalize.PartAudio:   {"mp3", "audio/mpeg", "ID3\x03\x00\x00\x00\x00\x00\x00"},
	normalize.PartVideo:   {"mp4", "video/mp4", "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00"},
	normalize.PartFile:    {"pdf", "application/pdf", "%PDF-1.4\n%%EOF\n"},
	normalize.PartSticker: {"webp", "image/webp", "RIFF\x04\x00\x00\x00WEBP"},
}

// end: when an account has been closed, nothing of it goes on.
func (s Suite) end(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("use and close", func(t *testing.T) {
		a := s.open(t, s.vendor(t))
		if _, err := a.Probe(t.Context()); err != nil {
			t.Error(err)
		}
		if s.Sends != nil {
			if _, err := a.sender(t).Send(t.Context(), s.text().Outbound); err != nil {
				t.Error(err)
			}
		}
		if c, ok := a.Channel.(channel.Streamer); ok {
			s.streams(t, a, c)
		}
	})
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}
