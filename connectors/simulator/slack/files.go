package slack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// file is one in the workspace. It shows once complete.
type file struct {
	id, name, title, contentType, owner, host string
	length                                    int
	content                                   []byte
	uploaded, complete                        bool
	shares                                    map[string]string // ts by channel
}

func (s *Server) newFile(name, owner string) *file {
	s.serial++
	f := &file{id: fmt.Sprintf("F%08d", s.serial), name: name, title: name, owner: owner, host: strings.TrimPrefix(s.URL(), "http://"), shares: map[string]string{}}
	s.files[f.id] = f
	return f
}

func (f *file) show() map[string]any {
	mode := "hosted"
	address := "http://" + f.host + "/files-pri/" + f.id + "/" + url.PathEscape(f.name)
	public := map[string]any{}
	for room, ts := range f.shares {
		public[room] = []any{map[string]any{"ts": ts}}
	}
	return map[string]any{
		"id": f.id, "name": f.name, "title": f.title, "mimetype": f.contentType, "size": len(f.content), "mode": mode, "user": f.owner,
		"url_private": address, "url_private_download": address, "shares": map[string]any{"public": public}, "file_access": "visible",
	}
}

func (s *Server) fileInfo(r *http.Request, form url.Values) (answer, refusal) {
	f := s.files[form.Get("file")]
	if f == nil || !f.complete {
		return nil, "file_not_found"
	}
	if f.host == "" {
		f.host = r.Host
	}
	return answer{"file": f.show()}, ""
}

func (s *Server) deleteFile(_ *http.Request, form url.Values) (answer, refusal) {
	f := s.files[form.Get("file")]
	if f == nil {
		return nil, "file_not_found"
	}
	delete(s.files, f.id)
	for room, ts := range f.shares {
		s.delete(room, ts)
	}
	return answer{}, ""
}

func (s *Server) uploadURL(r *http.Request, form url.Values) (answer, refusal) {
	length, err := strconv.Atoi(form.Get("length"))
	if err != nil || length <= 0 || form.Get("filename") == "" {
		return nil, "missing_argument"
	}
	f := s.newFile(form.Get("filename"), s.o.BotUser)
	f.length, f.host = length, r.Host
	return answer{"file_id": f.id, "upload_url": "http://" + r.Host + "/upload/v1/" + f.id}, ""
}

// takeUpload takes the bytes of a file, plain or as a form.
func (s *Server) takeUpload(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		part, _, err := r.FormFile("file")
		if err != nil {
			http.Error(w, "no file", http.StatusBadRequest)
			return
		}
		defer func() { _ = part.Close() }()
		body = part
	}
	content, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, "cut off", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[r.PathValue("file")]
	if f == nil || f.complete || len(content) != f.length {
		http.Error(w, "not the file that was announced", http.StatusBadRequest)
		return
	}
	f.content, f.uploaded = content, true
	f.contentType = http.DetectContentType(content)
	fmt.Fprintf(w, "OK - %d", len(content))
}

// completeUpload shows files in a channel, by one message.
func (s *Server) completeUpload(_ *http.Request, form url.Values) (answer, refusal) {
	var list []struct{ ID, Title string }
	if json.Unmarshal([]byte(form.Get("files")), &list) != nil || len(list) == 0 {
		return nil, "invalid_arguments"
	}
	r, bad := s.writable(form.Get("channel_id"), form.Get("thread_ts"))
	if bad == "channel_not_found" {
		bad = "invalid_channel"
	}
	if bad != "" {
		return nil, bad
	}
	m := &message{thread: form.Get("thread_ts"), text: form.Get("initial_comment")}
	record := &Sent{}
	done := []any{}
	for _, x := range list {
		f := s.files[x.ID]
		if f == nil || !f.uploaded || f.complete {
			return nil, "file_not_found"
		}
		if x.Title != "" {
			f.title = x.Title
		}
		m.files = append(m.files, f.id)
		record.Files = append(record.Files, SentFile{f.id, f.name, f.title, f.content})
		done = append(done, map[string]any{"id": f.id, "title": f.title})
	}
	for _, id := range m.files {
		s.files[id].complete = true
	}
	s.say(r, m, record)
	for _, id := range m.files {
		s.files[id].shares[r.ID] = m.ts
	}
	return answer{"files": done}, ""
}

// download serves a file to whoever has the token, and leads others to the
// page for signing in.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.files[r.PathValue("file")]
	known := r.Header.Get("Authorization") == "Bearer "+s.o.BotToken && s.revoked == ""
	s.mu.Unlock()
	switch {
	case !known:
		http.Redirect(w, r, "/?redir="+url.QueryEscape(r.URL.Path), http.StatusFound)
	case f == nil || !f.complete:
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", f.contentType)
		_, _ = w.Write(f.content)
	}
}
