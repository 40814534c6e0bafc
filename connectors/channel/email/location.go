package email

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
)

// maxLocated bounds how many images may be named by their location.
const maxLocated = 100

// located is a part that the HTML names by its Content-Location (RFC 2557).
type located struct{ location, id string }

// locate gives a part that has a location only an id of the same use.
func (b *body) locate(n *node, m *normalize.Media) {
	location := strings.Join(strings.Fields(decodeHeader(n.header.get("content-location"))), "")
	if location == "" || len(location) > 1000 || strings.ContainsAny(location, "\"'<>") || len(b.located) >= maxLocated {
		return
	}
	if m.ContentID == "" {
		sum := sha256.Sum256([]byte(location))
		m.ContentID = "location-" + hex.EncodeToString(sum[:8])
	}
	b.located = append(b.located, located{location, m.ContentID})
}

// withLocations lets the HTML name those parts by their ids.
func (b *body) withLocations(html string) string {
	if len(b.located) == 0 || html == "" {
		return html
	}
	var pairs []string
	for _, l := range b.located {
		pairs = append(pairs, `"`+l.location+`"`, `"cid:`+l.id+`"`, `'`+l.location+`'`, `"cid:`+l.id+`"`)
	}
	return strings.NewReplacer(pairs...).Replace(html)
}
