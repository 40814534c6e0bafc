package email

import (
	"path"
	"regexp"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

func kindOf(contentType string) normalize.PartKind {
	switch major, _, _ := strings.Cut(contentType, "/"); major {
	case "image":
		return normalize.PartImage
	case "audio":
		return normalize.PartAudio
	case "video":
		return normalize.PartVideo
	}
	return normalize.PartFile
}

var (
	mediaType    = regexp.MustCompile(`^[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}$`)
	charsetLabel = regexp.MustCompile(`^[A-Za-z0-9._:+-]{1,40}$`)
	metaCharset  = regexp.MustCompile(`(?i)<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})`)
)

// contentType keeps of a stranger's Content-Type what can be passed on.
func contentType(n *node) string {
	if !mediaType.MatchString(n.kind) {
		return "application/octet-stream"
	}
	if cs := n.params["charset"]; strings.HasPrefix(n.kind, "text/") && charsetLabel.MatchString(cs) {
		return n.kind + "; charset=" + cs
	}
	return n.kind
}

// documentCharset returns what an HTML document says of itself.
func documentCharset(content []byte) string {
	if m := metaCharset.FindSubmatch(content[:min(len(content), 4096)]); m != nil {
		return string(m[1])
	}
	return ""
}

// fileName returns a name without any folder, or one made up where there is
// none.
func fileName(n *node, name string) string {
	name = text.CleanLine(path.Base(strings.ReplaceAll(name, `\`, "/")))
	if name == "" || name == "." || name == ".." || name == "/" {
		name = either(usualNames[n.kind], "attachment")
		if n.kind == "message/rfc822" || n.kind == "message/global" {
			name = mailName(n)
		}
	}
	if r := []rune(name); len(r) > 200 {
		ext := []rune(path.Ext(name))
		if len(ext) > 20 {
			ext = nil
		}
		name = string(r[:200-len(ext)]) + string(ext)
	}
	return name
}

// mailName names a forwarded mail by its subject.
func mailName(n *node) string {
	h, _, err := readHeader(n.content())
	if err != nil {
		return "message.eml"
	}
	subject := text.CleanLine(decodeHeader(toUTF8([]byte(h.get("subject")), "")))
	return either(strings.NewReplacer("/", "_", "\\", "_").Replace(subject), "message") + ".eml"
}

// usualNames are what programs call the parts that often come without a name.
var usualNames = map[string]string{
	"text/calendar": "invite.ics", "text/vcard": "contact.vcf", "text/x-vcard": "contact.vcf", "text/directory": "contact.vcf",
	"text/html": "attachment.html", "text/plain": "attachment.txt", "text/csv": "attachment.csv", "text/rfc822-headers": "headers.txt",
	"text/enriched": "text.enriched", "text/richtext": "text.rtx", "text/rtf": "text.rtf", "application/rtf": "text.rtf",
	"text/x-amp-html": "amp.html", "text/watch-html": "watch.html",
	"application/pkcs7-mime": "smime.p7m", "application/x-pkcs7-mime": "smime.p7m",
	"application/pkcs7-signature": "smime.p7s", "application/x-pkcs7-signature": "smime.p7s",
	"application/pgp-encrypted": "version.asc", "application/pgp-signature": "signature.asc", "application/pgp-keys": "key.asc",
	"application/ms-tnef": "winmail.dat", "application/applefile": "resource.applefile",
	"application/pdf": "attachment.pdf", "application/zip": "attachment.zip",
	"image/jpeg": "image.jpg", "image/jpg": "image.jpg", "image/png": "image.png", "image/gif": "image.gif", "image/webp": "image.webp",
	"image/heic": "image.heic", "image/svg+xml": "image.svg", "image/bmp": "image.bmp", "image/tiff": "image.tiff",
	"audio/mpeg": "audio.mp3", "audio/mp4": "audio.m4a", "audio/wav": "audio.wav", "audio/amr": "audio.amr", "audio/ogg": "audio.ogg",
	"video/mp4": "video.mp4", "video/quicktime": "video.mov",
	"message/delivery-status": "delivery-status.txt", "message/disposition-notification": "disposition.txt",
}

// typeByName returns the type of a file of which only the name is known.
func typeByName(name string) string {
	switch kind := strings.ToLower(path.Ext(name)); kind {
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".png", ".gif", ".webp", ".bmp":
		return "image/" + kind[1:]
	case ".pdf", ".zip", ".rtf":
		return "application/" + kind[1:]
	case ".txt":
		return "text/plain"
	case ".html", ".htm":
		return "text/html"
	}
	return "application/octet-stream"
}
