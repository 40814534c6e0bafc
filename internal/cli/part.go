package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

var partSigns = map[normalize.PartKind]string{
	normalize.PartImage:    "image",
	normalize.PartAudio:    "audio",
	normalize.PartVideo:    "video",
	normalize.PartFile:     "file",
	normalize.PartSticker:  "sticker",
	normalize.PartLocation: "location",
	normalize.PartContact:  "contact",
	normalize.PartCall:     "call",
	normalize.PartEvent:    "event",
}

// partLabel names a part that is more than text, on one line.
func partLabel(p *normalize.Part) string {
	sign := partSigns[p.Kind]
	switch {
	case p.Media != nil:
		name := p.Media.Name
		if name == "" {
			name = "(no name)"
		}
		return fmt.Sprintf("[%s] %s  %s, %s", sign, Line(name), Line(p.Media.ContentType), Size(p.Media.Size))
	case p.Location != nil:
		return fmt.Sprintf("[%s] %s", sign, Line(fmt.Sprintf("%s %s %.5f, %.5f", p.Location.Name, p.Location.Address, p.Location.Latitude, p.Location.Longitude)))
	case p.Contact != nil:
		var addresses []string
		for _, a := range p.Contact.Addresses {
			addresses = append(addresses, a.Value)
		}
		return fmt.Sprintf("[%s] %s", sign, Line(p.Contact.Name+" "+strings.Join(addresses, ", ")))
	case p.Call != nil:
		s := fmt.Sprintf("[%s] %s", sign, Line(string(p.Call.State)))
		if p.Call.Duration > 0 {
			s += ", " + Span(time.Duration(p.Call.Duration)*time.Second)
		}
		return s
	case p.Event != "":
		return fmt.Sprintf("[%s] %s", sign, Line(p.Event))
	}
	return "[" + sign + "]"
}

// who returns the author of a message.
func who(m *normalize.Message) string {
	if m.Direction == normalize.Inbound {
		return Line(m.Address.String())
	}
	switch a := m.Author; {
	case a == nil:
		return "us"
	case a.Name == "":
		return Line(a.Email)
	default:
		return Line(a.Name)
	}
}
