package telegram

import (
	"cmp"
	"strings"

	"github.com/go-telegram/bot/models"

	"github.com/deskbridge/deskbridge/normalize"
)

// content is what a message holds besides its words, or why that is nothing.
// update is what it came in.
func content(m *models.Message, update []byte) (p normalize.Part, ignore string) {
	file := func(kind normalize.PartKind, id, name, contentType string, size int64) normalize.Part {
		return normalize.Part{Kind: kind, Text: m.Caption, Media: &normalize.Media{Ref: id, Name: name, ContentType: contentType, Size: size}}
	}
	switch {
	case m.Text != "":
		return normalize.Part{Kind: normalize.PartText, Text: m.Text}, ""
	case len(m.Photo) > 0:
		best := m.Photo[0]
		for _, size := range m.Photo {
			if size.Width*size.Height > best.Width*best.Height {
				best = size
			}
		}
		return file(normalize.PartImage, best.FileID, "photo.jpg", "image/jpeg", int64(best.FileSize)), ""
	case m.Animation != nil: // which comes as a document, too
		f := m.Animation
		return file(normalize.PartVideo, f.FileID, cmp.Or(f.FileName, "animation.mp4"), cmp.Or(f.MimeType, "video/mp4"), f.FileSize), ""
	case m.Document != nil:
		f := m.Document
		return file(normalize.KindOf(f.MimeType), f.FileID, cmp.Or(f.FileName, "file"), f.MimeType, f.FileSize), ""
	case m.Voice != nil:
		f := m.Voice
		return file(normalize.PartAudio, f.FileID, "voice.ogg", cmp.Or(f.MimeType, "audio/ogg"), f.FileSize), ""
	case m.Audio != nil:
		f := m.Audio
		return file(normalize.PartAudio, f.FileID, cmp.Or(f.FileName, f.Title, "audio.mp3"), cmp.Or(f.MimeType, "audio/mpeg"), f.FileSize), ""
	case m.Video != nil:
		f := m.Video
		return file(normalize.PartVideo, f.FileID, cmp.Or(f.FileName, "video.mp4"), cmp.Or(f.MimeType, "video/mp4"), f.FileSize), ""
	case m.VideoNote != nil:
		return file(normalize.PartVideo, m.VideoNote.FileID, "video-note.mp4", "video/mp4", int64(m.VideoNote.FileSize)), ""
	case m.Sticker != nil:
		p := file(normalize.PartSticker, m.Sticker.FileID, "sticker.webp", "image/webp", int64(m.Sticker.FileSize))
		switch {
		case m.Sticker.IsAnimated:
			p.Media.Name, p.Media.ContentType = "sticker.tgs", "application/x-tgsticker"
		case m.Sticker.IsVideo:
			p.Media.Name, p.Media.ContentType = "sticker.webm", "video/webm"
		}
		p.Text = m.Sticker.Emoji
		return p, ""
	}
	return other(m, update)
}

// other is the content that is no file.
func other(m *models.Message, update []byte) (p normalize.Part, ignore string) {
	switch {
	case m.Venue != nil: // which holds a location, too
		l := m.Venue.Location
		return normalize.Part{Kind: normalize.PartLocation, Location: &normalize.Location{
			Latitude: l.Latitude, Longitude: l.Longitude, Name: m.Venue.Title, Address: m.Venue.Address,
		}}, ""
	case m.Location != nil:
		return normalize.Part{Kind: normalize.PartLocation, Location: &normalize.Location{Latitude: m.Location.Latitude, Longitude: m.Location.Longitude}}, ""
	case m.Contact != nil:
		phone := "+" + strings.TrimPrefix(m.Contact.PhoneNumber, "+")
		return normalize.Part{Kind: normalize.PartContact, Contact: &normalize.Contact{
			Name: strings.TrimSpace(m.Contact.FirstName + " " + m.Contact.LastName), Addresses: []normalize.Address{{Kind: normalize.KindPhone, Value: phone}},
		}}, ""
	case m.Dice != nil:
		return normalize.Part{Kind: normalize.PartText, Text: m.Dice.Emoji}, ""
	case m.Poll != nil:
		lines := []string{m.Poll.Question}
		for _, o := range m.Poll.Options {
			lines = append(lines, "- "+o.Text)
		}
		return normalize.Part{Kind: normalize.PartText, Text: strings.Join(lines, "\n")}, ""
	case m.Checklist != nil:
		lines := []string{m.Checklist.Title}
		for _, task := range m.Checklist.Tasks {
			lines = append(lines, "- "+task.Text)
		}
		return normalize.Part{Kind: normalize.PartText, Text: strings.Join(lines, "\n")}, ""
	}
	return held(update).beyond()
}
