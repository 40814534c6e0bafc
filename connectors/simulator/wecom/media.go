package wecom

import (
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
)

// medium is a file that is kept for three days.
type medium struct {
	msgType, name, contentType string
	data                       []byte
	at                         time.Time
}

// maxMedia bounds uploads by type, in bytes
// (developer.work.weixin.qq.com/document/path/90253).
var maxMedia = map[string]int{"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "file": 20 << 20}

// medium returns a file of a type. The mutex is held.
func (s *Server) medium(id, msgType string) (medium, *refusal) {
	m, ok := s.media[id]
	if !ok || m.msgType != msgType || s.o.Now().Sub(m.at) >= mediaLife {
		return medium{}, deny(40007, "invalid media_id")
	}
	return m, nil
}

func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	f, head, err := r.FormFile("media")
	var data []byte
	if err == nil {
		data, err = io.ReadAll(f)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[r.URL.Path]++
	if no := s.admit(r); no != nil {
		answer(w, no)
		return
	}
	msgType := r.URL.Query().Get("type")
	limit, known := maxMedia[msgType]
	switch {
	case !known:
		answer(w, deny(40005, "invalid file type"))
	case err != nil:
		answer(w, deny(44001, "empty media data"))
	case len(data) <= 5 || len(data) > limit:
		answer(w, deny(40006, "invalid media size"))
	default:
		id := s.id("3uploaded-media-")
		s.media[id] = medium{msgType, head.Filename, head.Header.Get("Content-Type"), data, s.o.Now()}
		answer(w, map[string]any{"type": msgType, "media_id": id, "created_at": strconv.FormatInt(s.o.Now().Unix(), 10)})
	}
}

func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.counts[r.URL.Path]++
	no := s.admit(r)
	m, ok := s.media[r.URL.Query().Get("media_id")]
	if no == nil && (!ok || s.o.Now().Sub(m.at) >= mediaLife) {
		no = deny(40007, "invalid media_id")
	}
	s.mu.Unlock()
	if no != nil {
		answer(w, no)
		return
	}
	w.Header().Set("Content-Type", m.contentType)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": m.name}))
	w.Header().Set("Content-Length", strconv.Itoa(len(m.data)))
	_, _ = w.Write(m.data) // who goes away gets no file
}
