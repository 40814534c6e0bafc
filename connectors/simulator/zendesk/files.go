package zendesk

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxUpload is the largest file, in bytes.
const maxUpload = 50 << 20

func (s *Server) contentURL(f File) string {
	return fmt.Sprintf("%s/attachments/token/simulated%d/?name=%s", s.URL(), f.ID, url.QueryEscape(f.Name))
}

func (s *Server) fileView(f File) map[string]any {
	return map[string]any{
		"id": f.ID, "file_name": f.Name, "content_url": s.contentURL(f), "content_type": f.ContentType, "size": len(f.Content), "inline": f.Inline, "deleted": false,
		"malware_access_override": false, "malware_scan_result": "malware_not_found", "thumbnails": []any{},
	}
}

// upload takes one file; with a token it joins the others under it.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxUpload))
	switch {
	case err != nil:
		reply(w, http.StatusRequestEntityTooLarge, map[string]any{"error": "AttachmentTooLarge"})
		return
	case q.Get("filename") == "" || len(content) == 0:
		reply(w, http.StatusUnprocessableEntity, map[string]any{"error": "AttachmentUnprocessable"})
		return
	}
	f := File{ID: s.id(), Name: q.Get("filename"), ContentType: r.Header.Get("Content-Type"), Content: content}
	token := q.Get("token")
	if token == "" {
		token = "upload" + strconv.FormatInt(f.ID, 10)
	}
	s.files[f.ID] = f
	s.uploads[token] = append(s.uploads[token], f)
	reply(w, http.StatusCreated, map[string]any{"upload": map[string]any{"token": token, "attachment": s.fileView(f), "attachments": []any{s.fileView(f)}}})
}

func (s *Server) showAttachment(w http.ResponseWriter, r *http.Request) {
	f, ok := s.files[number(r)]
	if !ok {
		missing(w)
		return
	}
	reply(w, http.StatusOK, map[string]any{"attachment": s.fileView(f)})
}

func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(strings.TrimPrefix(r.PathValue("token"), "simulated"), 10, 64)
	s.mu.Lock()
	f, ok := s.files[id]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.ContentType)
	_, _ = w.Write(f.Content)
}
