package wecomkf

import (
	"context"
	"io"
	"mime"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
)

// What can be uploaded, in bytes; all have to have more than five
// (developer.work.weixin.qq.com/document/path/90253).
const (
	maxImage     = 10 << 20
	maxVoice     = 2 << 20
	maxVideo     = 10 << 20
	maxFile      = 20 << 20
	maxThumbnail = 2 << 20
)

func isPicture(contentType string) bool {
	return contentType == "image/png" || contentType == "image/jpeg"
}

// mediaType returns as what a file is sent: as what it is where WeCom takes
// the format and size, else as a file.
func mediaType(m *normalize.Media) string {
	contentType, _, _ := strings.Cut(strings.ToLower(m.ContentType), ";")
	switch {
	case isPicture(contentType) && m.Size <= maxImage:
		return "image"
	case contentType == "audio/amr" && m.Size <= maxVoice:
		return "voice"
	case contentType == "video/mp4" && m.Size <= maxVideo:
		return "video"
	}
	return "file"
}

// uploadPart uploads a part's content for one message.
func (w *WecomKf) uploadPart(ctx context.Context, o *channel.Outbound, m *normalize.Media) (msgType, id string, err error) {
	r, err := o.Open(ctx, m)
	if err != nil {
		return "", "", connectors.Errorf(connectors.Transient, "", "the file cannot be read: %w", err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		return "", "", connectors.Errorf(connectors.Transient, "", "the file cannot be read: %w", err)
	case len(data) > maxFile:
		return "", "", connectors.Errorf(connectors.Rejected, "", "the file has more than the %d bytes that WeCom takes", maxFile)
	}
	msgType = mediaType(m)
	id, err = w.upload(ctx, msgType, tencent.File{Name: fileName(m), ContentType: m.ContentType, Data: data})
	return msgType, id, err
}

func (w *WecomKf) upload(ctx context.Context, msgType string, f tencent.File) (string, error) {
	var answer struct {
		MediaID string `json:"media_id"`
	}
	err := w.api.Upload(ctx, tencent.Request{
		Path: "/cgi-bin/media/upload", Query: url.Values{"type": {msgType}}, Out: &answer,
	}, f)
	if err == nil && answer.MediaID == "" {
		err = connectors.Errorf(connectors.Transient, "", "WeCom took the file without naming it")
	}
	return answer.MediaID, err
}

// fileName is what the customer sees. WeCom tells formats apart by its ending.
func fileName(m *normalize.Media) string {
	name := filepath.Base(strings.ReplaceAll(m.Name, `\`, "/"))
	if name == "." || name == "/" || m.Name == "" {
		name = "file"
	}
	if filepath.Ext(name) != "" {
		return name
	}
	if ends, err := mime.ExtensionsByType(m.ContentType); err == nil && len(ends) > 0 {
		name += ends[0]
	}
	return name
}

// Fetch opens a medium that a customer sent. WeCom keeps it for three days.
func (w *WecomKf) Fetch(ctx context.Context, ref string) (*channel.Fetched, error) {
	d, err := w.api.Download(ctx, tencent.Request{Path: "/cgi-bin/media/get", Query: url.Values{"media_id": {ref}}})
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, connectors.Errorf(connectors.Transient, "", "WeCom answered without the file")
	}
	return &channel.Fetched{Name: d.Name, ContentType: d.ContentType, Size: d.Size, Body: d.Body}, nil
}
