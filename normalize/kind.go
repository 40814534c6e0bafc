package normalize

import "strings"

// KindOf returns the kind of part that a medium of a content type is.
func KindOf(contentType string) PartKind {
	switch main, _, _ := strings.Cut(contentType, "/"); strings.ToLower(main) {
	case "image":
		if strings.HasPrefix(contentType, "image/svg") {
			return PartFile // a document with scripts, not a picture
		}
		return PartImage
	case "audio":
		return PartAudio
	case "video":
		return PartVideo
	}
	return PartFile
}
