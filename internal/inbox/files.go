package inbox

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	// Images of a mail are shown within it up to these sizes, in bytes.
	maxInline    = 2 << 20
	maxInlineAll = 8 << 20
	fileTimeout  = 10 * time.Minute
)

// playable are the types that a browser shows without running anything, and
// by what. All others are for saving.
var playable = map[string]string{
	"image/png": "image", "image/jpeg": "image", "image/gif": "image", "image/webp": "image",
	"audio/mpeg": "audio", "audio/ogg": "audio", "audio/wav": "audio", "audio/wave": "audio", "audio/x-wav": "audio", "audio/mp4": "audio", "audio/aac": "audio", "audio/webm": "audio",
	"application/ogg": "audio", "video/mp4": "video", "video/webm": "video",
}

func mediaType(s string) string {
	kind, _, err := mime.ParseMediaType(s)
	if err != nil {
		return ""
	}
	return kind
}

// file serves a stored file.
func (in *Inbox) file(w http.ResponseWriter, r *request) {
	m, err := in.Store.Media(r.Context(), r.id("id"))
	if err != nil {
		in.fail(w, r, err)
		return
	}
	content, err := in.Open(r.Context(), m)
	if err != nil {
		in.fail(w, r, err)
		return
	}
	defer func() { _ = content.Close() }()
	kind, how := mediaType(m.ContentType), "attachment"
	if playable[kind] != "" && r.URL.Query().Get("save") == "" {
		how = "inline"
	} else {
		kind = "application/octet-stream"
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": m.Name}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "private, max-age=3600")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(fileTimeout))
	if seeker, ok := content.(io.ReadSeeker); ok {
		http.ServeContent(w, r.Request, "", time.Time{}, seeker) // players ask for ranges
		return
	}
	h.Set("Content-Length", strconv.FormatInt(m.Size, 10))
	if n, err := io.Copy(w, content); err != nil || n != m.Size {
		panic(http.ErrAbortHandler) // a client who gets less than announced knows it
	}
}

// mail shows the HTML of a mail in a frame of its own, in which nothing runs
// and into which nothing is loaded: images of the mail are within the page.
func (in *Inbox) mail(w http.ResponseWriter, r *request) {
	in.showMail(w, r, func(body string, _ int64) string { return body })
}

// showMail shows what finish makes of the body; left is how many bytes of
// images it may add.
func (in *Inbox) showMail(w http.ResponseWriter, r *request, finish func(body string, left int64) string) {
	m, err := in.Store.Message(r.Context(), r.id("id"))
	if err != nil {
		in.fail(w, r, err)
		return
	}
	left := int64(maxInlineAll)
	body := text.SanitizeHTML(m.HTML, func(cid string) (string, bool) {
		i := slices.IndexFunc(m.Parts, func(p normalize.Part) bool { return p.Media != nil && p.Media.ContentID == cid })
		if i < 0 {
			return "", false
		}
		return in.inline(r, m.Parts[i].Media, &left)
	})
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Content-Security-Policy", "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "+
		"form-action 'none'; base-uri 'none'; frame-ancestors 'self'")
	_, _ = io.WriteString(w, "<!doctype html><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"+
		"<style>body{font:15px/1.5 system-ui,sans-serif;margin:12px;background:#fff;color:#111;overflow-wrap:anywhere}img{max-width:100%;height:auto}</style>"+
		"<div dir=auto>"+finish(body, left)+"</div>")
}

// inline returns an image as a data: address.
func (in *Inbox) inline(r *request, m *normalize.Media, left *int64) (string, bool) {
	kind := mediaType(m.ContentType)
	if playable[kind] != "image" || m.Size > maxInline || m.Size > *left {
		return "", false
	}
	full, err := in.Store.Media(r.Context(), m.ID)
	if err != nil {
		return "", false
	}
	f, err := in.Open(r.Context(), full)
	if err != nil {
		return "", false
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxInline))
	if err != nil {
		return "", false
	}
	*left -= int64(len(b))
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(b), true
}

// upload takes a file in, as the body of the call, and answers with its id.
func (in *Inbox) upload(w http.ResponseWriter, r *request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(fileTimeout))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(fileTimeout))
	m, err := in.Upload(r.Context(), r.URL.Query().Get("name"), r.Header.Get("Content-Type"), r.Body)
	if err != nil {
		in.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(map[string]string{"id": m.ID.String(), "name": m.Name, "size": size(m.Size)}); err != nil {
		panic(http.ErrAbortHandler) // the answer is cut: let the browser see that
	}
}

// attachments reads the ids of files that a form names.
func attachments(values []string) (ids []normalize.ID, err error) {
	for _, v := range values {
		id, err := normalize.ParseID(strings.TrimSpace(v))
		if err != nil || id == 0 {
			return nil, errors.New("not the id of a file")
		}
		ids = append(ids, id)
	}
	return ids, nil
}
