package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxPicture = 5 << 20 // bytes, as WhatsApp and MMS allow
	maxForm    = maxPicture + 64<<10
	maxText    = 4000 // characters
	writeTime  = 20 * time.Second
	liveAlive  = 15 * time.Second
)

// pictures are the types that are shown and taken as pictures.
var pictures = map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true}

// piece reports whether our own script asks for what has changed on a page.
func piece(r *http.Request) bool { return r.Header.Get("X-Phone") != "" }

func (s *Stage) homePage(w http.ResponseWriter, r *http.Request, owner string) {
	v, ok := s.Book.home(owner)
	switch {
	case !ok:
		http.NotFound(w, r)
	case piece(r):
		s.show(w, r, http.StatusOK, "homescreen", v)
	default:
		s.show(w, r, http.StatusOK, "home", v)
	}
}

func (s *Stage) chatPage(w http.ResponseWriter, r *http.Request) {
	v, _, ok := s.Book.read(r.PathValue("owner"), r.PathValue("app"))
	switch {
	case !ok:
		http.NotFound(w, r)
	case piece(r):
		s.show(w, r, http.StatusOK, "log", v)
	default:
		s.show(w, r, http.StatusOK, "chat", v)
	}
}

// write sends what the visitor wrote as a customer.
func (s *Stage) write(w http.ResponseWriter, r *http.Request) {
	v, at, ok := s.Book.read(r.PathValue("owner"), r.PathValue("app"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	d, err := readDraft(w, r)
	if err != nil {
		http.Error(w, s.language(r).t(err.Error()), http.StatusUnprocessableEntity)
		return
	}
	d.At, d.Call = at, v.App == "call"
	ctx, cancel := context.WithTimeout(r.Context(), writeTime)
	defer cancel()
	if err := s.Write(ctx, d); err != nil && r.Context().Err() == nil {
		s.Log.Warn("what the visitor wrote was not taken", "kind", at.Kind, "err", err) // the chat shows it
	}
	if piece(r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, "/phone/"+v.Owner+"/"+v.App, http.StatusSeeOther)
}

var (
	errNoWords  = errors.New("Write something first.")
	errLong     = errors.New("That is too long.")
	errPicture  = errors.New("Only pictures (PNG, JPEG, GIF, WebP) go here.")
	errTooLarge = errors.New("The picture is larger than 5 MB.")
	errCutShort = errors.New("The form came in pieces. Send it again.")
)

// readDraft reads the form below a chat. Its errors are words of a page.
func readDraft(w http.ResponseWriter, r *http.Request) (d Draft, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseMultipartForm(maxForm); err != nil && !errors.Is(err, http.ErrNotMultipart) { //nolint:gosec // bounded by the line above
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return d, errTooLarge
		}
		return d, errCutShort
	}
	d.Text = strings.TrimSpace(strings.ReplaceAll(r.PostFormValue("text"), "\r\n", "\n"))
	d.Subject = strings.Join(strings.Fields(r.PostFormValue("subject")), " ")
	if len([]rune(d.Text)) > maxText || len([]rune(d.Subject)) > 200 {
		return d, errLong
	}
	f, head, err := r.FormFile("picture")
	if err != nil {
		if d.Text == "" {
			return d, errNoWords
		}
		return d, nil
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxPicture+1))
	switch {
	case err != nil:
		return d, errCutShort
	case len(content) > maxPicture:
		return d, errTooLarge
	case len(content) == 0 && d.Text == "":
		return d, errNoWords
	case len(content) == 0: // none was chosen
		return d, nil
	}
	kind := http.DetectContentType(content)
	if !pictures[kind] {
		return d, errPicture
	}
	d.Picture = &File{Name: head.Filename, ContentType: kind, Content: content}
	return d, nil
}

// file serves a file of a chat: a picture to look at, anything else to save.
func (s *Stage) file(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	f, ok := s.Book.file(id)
	if err != nil || !ok {
		http.NotFound(w, r)
		return
	}
	kind, how := f.ContentType, "inline"
	if !pictures[kind] {
		kind, how = "application/octet-stream", "attachment"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": f.Name}))
	w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(f.Content)
}

// live tells a page of arrivals and changes (server-sent events) until the
// browser leaves.
func (s *Stage) live(w http.ResponseWriter, r *http.Request) {
	cursor := r.Header.Get("Last-Event-ID")
	if cursor == "" {
		cursor = r.URL.Query().Get("after")
	}
	seen, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil {
		_, seen, _ = s.Book.since(0) // the page shows what was before
	}
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	alive := time.NewTicker(liveAlive)
	defer alive.Stop()
	for {
		t, last, changed := s.Book.since(seen)
		seen = last
		data, err := json.Marshal(t)
		if err != nil {
			return // strings and a number: it does not happen
		}
		if _, err := fmt.Fprintf(w, "retry: 1000\nid: %d\ndata: %s\n\n", last, data); err != nil || control.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-alive.C:
		case <-r.Context().Done():
			return
		}
	}
}
