package deliver

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Linker gives files addresses, see timeline.Links.
type Linker interface {
	Link(file normalize.ID, now time.Time) (url string, until time.Time)
}

// carry makes a message such that the channel can carry all of its parts: a
// file that it does not take goes as a link, of which the part's notice tells
// the agent. Without a public URL it is refused.
func carry(m *normalize.Message, l channel.Limits, links Linker, now time.Time) error {
	var total int64
	for i := range m.Parts {
		if why := obstacle(&m.Parts[i], l, m.Channel.Name); why != nil {
			if err := toLink(&m.Parts[i], l, links, why, now); err != nil {
				return err
			}
		}
		total += weight(m.Parts[i])
	}
	for l.TotalBytes > 0 && total > l.TotalBytes {
		i := heaviest(m.Parts)
		why := timeline.Refuse("too_large", "the message has %d bytes, channel %q takes %d", total, m.Channel.Name, l.TotalBytes)
		if i < 0 {
			return why
		}
		total -= weight(m.Parts[i])
		if err := toLink(&m.Parts[i], l, links, why, now); err != nil {
			return err
		}
		total += weight(m.Parts[i])
	}
	return nil
}

// obstacle returns why the channel cannot carry a part as it is, or nil. A
// picture that it does not take as such may go as a file.
func obstacle(p *normalize.Part, l channel.Limits, account string) *timeline.Refused {
	why := against(p, p.Kind, l, account)
	if why != nil && p.Media != nil && against(p, normalize.PartFile, l, account) == nil {
		p.Kind, p.Notice = normalize.PartFile, "sent as a file, since "+why.Detail
		return nil
	}
	return why
}

func against(p *normalize.Part, as normalize.PartKind, l channel.Limits, account string) *timeline.Refused {
	limit, ok := l.Kinds[as]
	switch {
	case !ok:
		return timeline.Refuse("unsupported", "channel %q cannot carry a part of kind %s", account, as)
	case p.Media == nil:
		return nil
	case limit.Bytes > 0 && p.Media.Size > limit.Bytes:
		return timeline.Refuse("too_large", "%s has %d bytes, channel %q takes %d for a part of kind %s", called(p.Media), p.Media.Size, account, limit.Bytes, as)
	case limit.Types != nil && !slices.Contains(limit.Types, p.Media.ContentType):
		return timeline.Refuse("unsupported", "%s is %s, which channel %q does not take", called(p.Media), p.Media.ContentType, account)
	}
	return nil
}

// toLink puts a text with a link in the place of a file.
func toLink(p *normalize.Part, l channel.Limits, links Linker, why *timeline.Refused, now time.Time) error {
	if _, ok := l.Kinds[normalize.PartText]; !ok || p.Media == nil {
		return why
	}
	url, until := links.Link(p.Media.ID, now)
	if url == "" {
		why.Detail += "; with server.public_url set, it would go as a link"
		return why
	}
	*p = normalize.Part{
		ID: p.ID, Kind: normalize.PartText,
		Text:   fmt.Sprintf("%s (%s): %s", cmp.Or(p.Media.Name, "file"), size(p.Media.Size), url),
		Notice: fmt.Sprintf("sent as a link that works until %s, since %s", until.Format("2006-01-02 15:04 UTC"), why.Detail),
	}
	return nil
}

func weight(p normalize.Part) int64 {
	if p.Media == nil {
		return int64(len(p.Text) + len(p.HTML))
	}
	return p.Media.Size
}

// heaviest returns the index of the largest file that nothing shows, or -1.
func heaviest(parts []normalize.Part) int {
	best := -1
	for i, p := range parts {
		if p.Media != nil && p.Media.ContentID == "" && (best < 0 || p.Media.Size > parts[best].Media.Size) {
			best = i
		}
	}
	return best
}

func called(m *normalize.Media) string {
	if m.Name == "" {
		return "attachment " + m.ID.String()
	}
	return fmt.Sprintf("%q", m.Name)
}

// size writes a number of bytes for people.
func size(n int64) string {
	units := []string{"B", "KB", "MB", "GB"}
	f, u := float64(n), 0
	for ; f >= 1000 && u < len(units)-1; u++ {
		f /= 1000
	}
	if u == 0 {
		return strconv.FormatInt(n, 10) + " B"
	}
	return fmt.Sprintf("%.1f %s", f, units[u])
}

// numberRoom is what "(99/99) " takes of a numbered piece.
const numberRoom = 10

// split cuts text parts at the channel's limit. Where the vendor may change
// their order, the pieces of one text are numbered.
func split(parts []normalize.Part, l channel.Limits) []normalize.Part {
	var out []normalize.Part
	for _, p := range parts {
		if p.Kind != normalize.PartText || l.TextRunes == 0 && l.TextUnits == 0 && l.TextBytes == 0 {
			out = append(out, p)
			continue
		}
		bound := text.Bound{Runes: l.TextRunes, Units: l.TextUnits, Bytes: l.TextBytes}
		pieces := text.Pieces(p.Text, p.HTML, bound, l.Markup)
		if number := l.Unordered && len(pieces) > 1; number {
			pieces = text.Pieces(p.Text, "", text.Bound{Runes: less(bound.Runes), Units: less(bound.Units), Bytes: less(bound.Bytes)}, l.Markup)
			for i := range pieces {
				pieces[i].Plain = fmt.Sprintf("(%d/%d) %s", i+1, len(pieces), pieces[i].Plain)
			}
		}
		for _, piece := range pieces {
			q := p
			q.Text, q.HTML = piece.Plain, piece.Rich
			out = append(out, q)
		}
	}
	return out
}

// less leaves room for a number.
func less(bound int) int {
	if bound > 2*numberRoom {
		return bound - numberRoom
	}
	return bound
}
