package wechat

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/silenceper/wechat/v2/officialaccount/material"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	pathUpload = "/cgi-bin/media/upload"
	pathGet    = "/cgi-bin/media/get"

	// The vendor keeps what was uploaded for three days.
	previewFor  = 48 * time.Hour
	previewName = "wechat/preview"
)

// upload is a kind of file that can be sent.
type upload struct {
	bytes   int64
	endings map[string]string // by content type: the vendor looks at the name
}

func (u upload) types() []string { return slices.Sorted(maps.Keys(u.endings)) }

var uploads = map[material.MediaType]upload{
	material.MediaTypeImage: {maxImage, map[string]string{"image/jpeg": "image.jpg", "image/png": "image.png", "image/gif": "image.gif"}},
	material.MediaTypeVoice: {maxVoice, map[string]string{"audio/amr": "voice.amr", "audio/mpeg": "voice.mp3", "audio/mp3": "voice.mp3"}},
	material.MediaTypeVideo: {maxVideo, map[string]string{"video/mp4": "video.mp4"}},
}

var uploadKinds = map[normalize.PartKind]material.MediaType{
	normalize.PartImage: material.MediaTypeImage,
	normalize.PartAudio: material.MediaTypeVoice,
	normalize.PartVideo: material.MediaTypeVideo,
}

// upload hands a file to the vendor, which may be repeated at will, and returns
// its id there. That a recording is longer than 60 seconds, the vendor says.
func (w *WeChat) upload(ctx context.Context, o *channel.Outbound, kind material.MediaType, m *normalize.Media) (string, error) {
	if m == nil {
		return "", connectors.Errorf(connectors.Rejected, "", "the part has no file")
	}
	u := uploads[kind]
	name, ok := u.endings[m.ContentType]
	if !ok {
		return "", connectors.Errorf(connectors.Rejected, "", "WeChat takes %s as a %s, not %s", strings.Join(u.types(), ", "), kind, m.ContentType)
	}
	f, err := o.Open(ctx, m)
	if err != nil {
		return "", connectors.Errorf(connectors.Transient, "", "the file cannot be read: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, u.bytes+1))
	if err != nil {
		return "", connectors.Errorf(connectors.Transient, "", "the file cannot be read: %w", err)
	}
	if int64(len(data)) > u.bytes {
		return "", connectors.Errorf(connectors.Rejected, "too_large", "the file has more than the %d bytes that WeChat takes as a %s", u.bytes, kind)
	}
	return w.put(ctx, kind, tencent.File{Name: name, ContentType: m.ContentType, Data: data})
}

func (w *WeChat) put(ctx context.Context, kind material.MediaType, f tencent.File) (string, error) {
	var answer material.Media
	err := w.client.Upload(ctx, tencent.Request{
		Path: pathUpload, Query: url.Values{"type": {string(kind)}}, Out: &answer,
	}, f)
	if err != nil {
		return "", err
	}
	id := answer.MediaID
	if kind == material.MediaTypeThumb {
		id = answer.ThumbMediaID
	}
	if id == "" {
		return "", connectors.Errorf(connectors.Transient, "", "the vendor gave the file no id")
	}
	return id, nil
}

// preview returns the id of the picture that stands for a video before it is
// played, which the vendor asks for. It is the same for all videos.
func (w *WeChat) preview(ctx context.Context) (string, error) {
	id, err := w.deps.Tokens.Get(ctx, previewName)
	if err == nil && id != "" {
		return id, nil
	}
	id, err = w.put(ctx, material.MediaTypeThumb, tencent.File{Name: "preview.jpg", ContentType: "image/jpeg", Data: previewPicture()})
	if err != nil {
		return "", err
	}
	// Without it the next video brings a picture of its own.
	_ = w.deps.Tokens.Set(ctx, previewName, id, w.deps.Clock.Now().Add(previewFor))
	return id, nil
}

// previewPicture draws a light triangle on grey: play.
func previewPicture() []byte {
	const width, height = 240, 180
	p := image.NewGray(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			shade := uint8(0x50)
			if dx, dy := x-width*2/5, y-height/2; dx >= 0 && dx <= 70 && 2*max(dy, -dy) <= 70-dx {
				shade = 0xE0
			}
			p.SetGray(x, y, color.Gray{Y: shade})
		}
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, p, nil) // a buffer takes everything
	return b.Bytes()
}

// Fetch implements channel.Fetcher. The vendor keeps media for three days.
func (w *WeChat) Fetch(ctx context.Context, ref string) (*channel.Fetched, error) {
	q, err := url.ParseQuery(ref)
	if err != nil || q.Get("id") == "" && q.Get("url") == "" {
		return nil, connectors.Errorf(connectors.Rejected, "", "the reference names no file")
	}
	var answer struct {
		VideoURL string `json:"video_url"`
	}
	d, err := w.client.Download(ctx, tencent.Request{Path: pathGet, Query: url.Values{"media_id": {q.Get("id")}}, Out: &answer})
	switch {
	case d != nil:
		return &channel.Fetched{Name: d.Name, ContentType: d.ContentType, Size: d.Size, Body: d.Body}, nil
	case err == nil && answer.VideoURL != "":
		return w.get(ctx, answer.VideoURL)
	case err == nil:
		return nil, connectors.Errorf(connectors.Transient, "", "the vendor answered without the file")
	}
	err = optional(err)
	if c := connectors.Classify(err).Class; q.Get("url") != "" && (c == connectors.Rejected || c == connectors.Unsupported) {
		return w.get(ctx, q.Get("url"))
	}
	return nil, err
}

// get opens an address that stood in a message or an answer. Only the vendor's
// own API is trusted; in plain mode messages are not signed.
func (w *WeChat) get(ctx context.Context, address string) (*channel.Fetched, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, connectors.Errorf(connectors.Rejected, "", "the address of the file is none")
	}
	client := w.deps.Guarded
	if api, err := url.Parse(w.cfg.APIURL); err == nil && u.Scheme == api.Scheme && u.Host == api.Host {
		client = w.deps.HTTP
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, connectors.Errorf(connectors.Rejected, "", "the address of the file is none")
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, connectors.Errorf(connectors.Transient, "", "%s does not give the file", u.Host)
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		class := connectors.Transient
		if res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone || res.StatusCode == http.StatusForbidden {
			class = connectors.Rejected
		}
		return nil, connectors.Errorf(class, strconv.Itoa(res.StatusCode), "%s does not give the file", u.Host)
	}
	return &channel.Fetched{ContentType: res.Header.Get("Content-Type"), Size: max(res.ContentLength, 0), Body: res.Body}, nil
}
