package telegram

import (
	"html"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/go-telegram/bot/models"

	"github.com/deskbridge/deskbridge/normalize/text"
)

// tags are the entities that show in the rich form
// (https://core.telegram.org/bots/api#messageentity).
var tags = map[models.MessageEntityType][2]string{
	models.MessageEntityTypeBold:                 {"<b>", "</b>"},
	models.MessageEntityTypeItalic:               {"<i>", "</i>"},
	models.MessageEntityTypeUnderline:            {"<u>", "</u>"},
	models.MessageEntityTypeStrikethrough:        {"<s>", "</s>"},
	models.MessageEntityTypeCode:                 {"<code>", "</code>"},
	models.MessageEntityTypePre:                  {"<pre>", "</pre>"},
	models.MessageEntityTypeBlockquote:           {"<blockquote>", "</blockquote>"},
	models.MessageEntityTypeExpandableBlockquote: {"<blockquote>", "</blockquote>"},
}

const maxEntities = 1000

// toHTML writes text with its entities as sanitised HTML, or "" where no
// entity would show. Offsets count UTF-16 code units.
func toHTML(plain string, entities []models.MessageEntity) string {
	units := utf16.Encode([]rune(plain))
	type mark struct {
		at, length int
		open       bool
		tag        string
	}
	var marks []mark
	for _, e := range entities {
		pair, ok := tags[e.Type]
		if e.Type == models.MessageEntityTypeTextLink {
			pair, ok = [2]string{`<a href="` + html.EscapeString(e.URL) + `">`, "</a>"}, true
		}
		if !ok || e.Offset < 0 || e.Length <= 0 || e.Offset > len(units) || e.Length > len(units)-e.Offset || len(marks) > 2*maxEntities {
			continue
		}
		marks = append(marks, mark{e.Offset, e.Length, true, pair[0]}, mark{e.Offset + e.Length, e.Length, false, pair[1]})
	}
	if len(marks) == 0 {
		return ""
	}
	// At one place, what ends comes before what begins; of what begins the
	// longest, of what ends the shortest comes first.
	slices.SortStableFunc(marks, func(a, b mark) int {
		switch {
		case a.at != b.at:
			return a.at - b.at
		case a.open != b.open:
			if a.open {
				return 1
			}
			return -1
		case a.open:
			return b.length - a.length
		}
		return a.length - b.length
	})
	var b strings.Builder
	done := 0
	for _, m := range marks {
		write(&b, units[done:m.at])
		b.WriteString(m.tag)
		done = m.at
	}
	write(&b, units[done:])
	return text.SanitizeHTML("<p>"+b.String()+"</p>", nil)
}

func write(b *strings.Builder, units []uint16) {
	b.WriteString(strings.ReplaceAll(html.EscapeString(string(utf16.Decode(units))), "\n", "<br>"))
}
