package normalize

import "slices"

// LinkMedia returns m with the address of each medium below the public URL
// base, where the API serves it. m itself stays as it is, since others may be
// reading it.
func LinkMedia(m *Message, base string) *Message {
	if !slices.ContainsFunc(m.Parts, func(p Part) bool { return p.Media != nil }) {
		return m
	}
	linked := *m
	linked.Parts = slices.Clone(m.Parts)
	for i := range linked.Parts {
		if stored := linked.Parts[i].Media; stored != nil {
			media := *stored
			media.URL = base + "/v1/media/" + media.ID.String()
			linked.Parts[i].Media = &media
		}
	}
	return &linked
}

// LinkEvent does the same for the message of an event, if it has one.
func LinkEvent(e *Event, base string) *Event {
	data, ok := e.Data.(*MessageEvent)
	if !ok || data.Message == nil {
		return e
	}
	linked := *e
	linked.Data = &MessageEvent{Message: LinkMedia(data.Message, base), Change: data.Change}
	return &linked
}
