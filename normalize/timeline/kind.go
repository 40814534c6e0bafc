package timeline

import (
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
)

// KindOf returns the kind of part that a medium of a content type is.
func KindOf(contentType string) normalize.PartKind {
	switch main, _, _ := strings.Cut(contentType, "/"); strings.ToLower(main) {
	case "image":
		if strings.HasPrefix(contentType, "image/svg") {
			return normalize.PartFile // a document with scripts, not a picture
		}
		return normalize.PartImage
	case "audio":
		return normalize.PartAudio
	case "video":
		return normalize.PartVideo
	}
	return normalize.PartFile
}
