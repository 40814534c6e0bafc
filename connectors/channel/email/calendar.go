package email

import (
	"bytes"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize/text"
)

// addInvitation keeps a calendar object as a file and says in words what is in
// it: as the caption of the file, and as the text of a mail without one.
func (b *body) addInvitation(n *node, name string) error {
	data := n.content()
	caption := invitation(toUTF8(data[:min(len(data), maxText)], n.charset()))
	b.spare = either(b.spare, caption)
	return b.attach(n, name, data, caption)
}

// invitationKinds say what the methods of RFC 5546 mean to people.
var invitationKinds = map[string]string{
	"REQUEST": "Invitation", "CANCEL": "Cancelled", "REPLY": "Answer to an invitation", "COUNTER": "Other time proposed", "PUBLISH": "Event",
}

// answersOf are the words for PARTSTAT.
var answersOf = map[string]string{"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "accepted with reserve", "DELEGATED": "delegated"}

// invitation renders the first event of an iCalendar object (RFC 5545), "" for
// anything else.
func invitation(ics string) string {
	ics = strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "").Replace(ics)
	method, inside := "", false
	fields, params := map[string]string{}, map[string]map[string]string{}
	for line := range strings.Lines(ics) {
		name, value, ok := cutProperty(strings.TrimRight(line, "\r\n"))
		if !ok {
			continue
		}
		property, p := parseParams(name)
		property = strings.ToUpper(property)
		switch {
		case property == "METHOD":
			method = strings.ToUpper(strings.TrimSpace(value))
		case property == "BEGIN":
			inside = strings.EqualFold(value, "VEVENT") && len(fields) == 0
		case property == "END" && strings.EqualFold(value, "VEVENT"):
			inside = false
		case inside && len(value) <= 2000 && fields[property] == "":
			fields[property], params[property] = value, p
		}
	}
	if len(fields) == 0 {
		return ""
	}
	var b bytes.Buffer
	line := func(label, v string) {
		if v = text.CleanLine(icsText(v)); v != "" {
			b.WriteString(label + ": " + v + "\n")
		}
	}
	line(either(invitationKinds[method], "Event"), either(fields["SUMMARY"], "without a title"))
	start, end := icsTime(fields["DTSTART"], params["DTSTART"]), icsTime(fields["DTEND"], params["DTEND"])
	if day, at, ok := strings.Cut(end, " "); ok && strings.HasPrefix(start, day) {
		end = at
	}
	if end != "" && end != start {
		start += " to " + end
	}
	line("When", start)
	line("Where", fields["LOCATION"])
	line("Organizer", mailtoName(fields["ORGANIZER"], params["ORGANIZER"]))
	if method == "REPLY" {
		who := mailtoName(fields["ATTENDEE"], params["ATTENDEE"])
		line("Answer", strings.TrimSpace(who+" "+answersOf[strings.ToUpper(params["ATTENDEE"]["partstat"])]))
	}
	return strings.TrimRight(b.String(), "\n")
}

// cutProperty cuts a content line at the colon outside of quotes.
func cutProperty(line string) (name, value string, ok bool) {
	quoted := false
	for i := range len(line) {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ':' && !quoted:
			return line[:i], line[i+1:], true
		}
	}
	return "", "", false
}

func icsText(v string) string {
	return strings.NewReplacer(`\n`, " ", `\N`, " ", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(v)
}

// icsTime shows a time in the zone that its writer gave, which is not ours to
// convert: the zone may be one of the file's own.
func icsTime(v string, params map[string]string) string {
	v = strings.TrimSpace(v)
	if t, err := time.Parse("20060102", v); err == nil {
		return t.Format("2006-01-02")
	}
	zone := params["tzid"]
	if u, ok := strings.CutSuffix(v, "Z"); ok {
		v, zone = u, "UTC"
	}
	t, err := time.Parse("20060102T150405", v)
	if err != nil {
		return v
	}
	return strings.TrimSpace(t.Format("2006-01-02 15:04") + " " + zone)
}

func mailtoName(v string, params map[string]string) string {
	if len(v) >= 7 && strings.EqualFold(v[:7], "mailto:") {
		v = v[7:]
	}
	if cn := params["cn"]; cn != "" && cn != v {
		return cn + " <" + v + ">"
	}
	return v
}
