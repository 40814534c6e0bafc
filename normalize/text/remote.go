package text

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// RemoteImages returns the addresses of the remote images in HTML that
// SanitizeHTML made, each once, in their order.
func RemoteImages(sanitised string) (addresses []string) {
	mapImages(sanitised, func(address string) string {
		if !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
		return ""
	})
	return addresses
}

// ShowImages gives remote images in HTML that SanitizeHTML made the addresses
// that they have in shown, which are trusted. Others stay as they are.
func ShowImages(sanitised string, shown map[string]string) string {
	return mapImages(sanitised, func(address string) string { return shown[address] })
}

// mapImages writes HTML with the address that to returns for each remote image.
func mapImages(s string, to func(address string) string) string {
	if !strings.Contains(s, RemoteImage) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for z := html.NewTokenizer(strings.NewReader(s)); ; {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return b.String()
		case html.StartTagToken:
			raw := string(z.Raw())
			t := z.Token()
			i := slices.IndexFunc(t.Attr, func(a html.Attribute) bool { return a.Key == RemoteImage })
			if t.DataAtom == atom.Img && i >= 0 {
				if address := to(t.Attr[i].Val); address != "" {
					t.Attr[i] = html.Attribute{Key: "src", Val: address}
					raw = t.String()
				}
			}
			b.WriteString(raw)
		default:
			b.Write(z.Raw())
		}
	}
}
