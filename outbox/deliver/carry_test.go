package deliver

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

func TestWhatAChannelCannotCarryGoesAsALink(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	links := timeline.Links{PublicURL: "https://desk.example.com", Key: []byte("key"), TTL: time.Hour}
	text := channel.MediaLimit{}
	picture := func(size int64) normalize.Part {
		return normalize.Part{Kind: normalize.PartImage, Media: &normalize.Media{ID: 7, Name: "a.png", ContentType: "image/png", Size: size}}
	}
	for _, c := range []struct {
		name   string
		limits channel.Limits
		links  timeline.Links
		parts  []normalize.Part
		kinds  []normalize.PartKind // what goes out
		notice string               // of the last part
		reason string
	}{
		{
			name: "all fits", links: links, parts: []normalize.Part{picture(100)}, kinds: []normalize.PartKind{normalize.PartImage},
			limits: channel.Limits{Kinds: map[normalize.PartKind]channel.MediaLimit{normalize.PartImage: {Bytes: 100}}},
		},
		{
			name: "no pictures", links: links, parts: []normalize.Part{picture(1500)}, kinds: []normalize.PartKind{normalize.PartText},
			limits: channel.Limits{Kinds: map[normalize.PartKind]channel.MediaLimit{normalize.PartText: text}},
			notice: "sent as a link that works until 2026-03-01 10:30 UTC, since channel \"chat\" cannot carry a part of kind image",
		},
		{
			name: "too large a picture", links: links, parts: []normalize.Part{picture(101)}, kinds: []normalize.PartKind{normalize.PartFile},
			limits: channel.Limits{Kinds: map[normalize.PartKind]channel.MediaLimit{normalize.PartImage: {Bytes: 100}, normalize.PartFile: {Bytes: 200}}},
			notice: "sent as a file, since",
		},
		{
			name: "other types of pictures", links: links, parts: []normalize.Part{picture(10)}, kinds: []normalize.PartKind{normalize.PartText},
			limits: channel.Limits{Kinds: map[normalize.PartKind]channel.MediaLimit{normalize.PartText: text, normalize.PartImage: {Types: []string{"image/jpeg"}}}},
			notice: "is image/png, which channel",
		},
		{
			name: "too much in all", links: links, parts: []normalize.Part{picture(500), picture(50)}, kinds: []normalize.PartKind{normalize.PartText, normalize.PartImage},
			limits: channel.Limits{TotalBytes: 200, Kinds: map[normalize.PartKind]channel.MediaLimit{normalize.PartText: text, normalize.PartImage: {}}},
		},
		{
			name: "no public URL", parts: []normalize.Part{picture(10)}, reason: "unsupported",
			limits: channel.Limits{Kinds: map[normalize.PartKind]channel.MediaLimit{normalize.PartText: text}},
		},
		{
			name: "no text either", links: links, parts: []normalize.Part{picture(10)}, reason: "unsupported",
			limits: channel.Limits{Kinds: map[normalize.PartKind]channel.MediaLimit{normalize.PartAudio: {}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &normalize.Message{Channel: normalize.Account{Name: "chat"}, Parts: c.parts}
			err := carry(m, c.limits, c.links, now)
			var refused *timeline.Refused
			if errors.As(err, &refused) != (c.reason != "") || err != nil && refused.Reason != c.reason {
				t.Fatalf("got %v, want a refusal %q", err, c.reason)
			}
			if err != nil {
				return
			}
			for i, p := range m.Parts {
				if p.Kind != c.kinds[i] {
					t.Errorf("part %d goes as %s, want %s", i, p.Kind, c.kinds[i])
				}
				if p.Kind == normalize.PartText && (p.Media != nil || !strings.HasPrefix(p.Text, "a.png (") || !strings.Contains(p.Text, ": https://desk.example.com/files/")) {
					t.Errorf("the link reads %q", p.Text)
				}
			}
			if last := m.Parts[len(m.Parts)-1]; !strings.Contains(last.Notice, c.notice) {
				t.Errorf("notice %q, want %q", last.Notice, c.notice)
			}
		})
	}
}

func TestPiecesThatMayOvertakeEachOtherAreNumbered(t *testing.T) {
	parts := []normalize.Part{{Kind: normalize.PartText, Text: strings.Repeat("word ", 30)}, {Kind: normalize.PartText, Text: "short"}}
	got := split(parts, channel.Limits{TextRunes: 60, Unordered: true})
	if len(got) != 4 || !strings.HasPrefix(got[0].Text, "(1/3) word") || !strings.HasPrefix(got[2].Text, "(3/3) ") || got[3].Text != "short" {
		t.Errorf("%d pieces: %+v", len(got), got)
	}
	for _, p := range got {
		if n := len(p.Text); n > 60 {
			t.Errorf("a piece of %d: %q", n, p.Text)
		}
	}
	if got := split(parts, channel.Limits{TextRunes: 60}); len(got) != 4 || strings.HasPrefix(got[0].Text, "(") {
		t.Errorf("in order: %+v", got)
	}
}
