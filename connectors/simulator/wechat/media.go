package wechat

import (
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// File is a file that a follower sent or that the account uploaded.
type File struct {
	Name, ContentType string
	Data              []byte

	kind string
	at   time.Time
}

// The vendor keeps files for three days.
const keepFiles = 72 * time.Hour

// rules for uploads
// (developers.weixin.qq.com/doc/offiaccount/Asset_Management/New_temporary_materials.html).
var rules = map[string]struct {
	bytes   int
	endings []string
	large   refusal
}{
	"image": {10 << 20, []string{".jpg", ".jpeg", ".png", ".gif"}, refusal{40009, "invalid image size"}},
	"voice": {2 << 20, []string{".amr", ".mp3"}, refusal{40010, "invalid voice size"}},
	"video": {10 << 20, []string{".mp4"}, refusal{40011, "invalid video size"}},
	"thumb": {64 << 10, []string{".jpg"}, refusal{40012, "invalid thumb size"}},
}

// keep stores a follower's file and returns its id; v.mu is held.
func (v *Vendor) keep(f File) string {
	id := "MEDIA_" + strconv.FormatInt(v.next(), 10)
	f.at = v.o.Now()
	v.files[id] = f
	return id
}

func (v *Vendor) mediaUpload(w http.ResponseWriter, r *http.Request) {
	kind := r.URL.Query().Get("type")
	rule, known := rules[kind]
	if !known {
		answer(w, refusal{40004, "invalid media type"})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 32<<20)
	part, head, err := r.FormFile("media")
	if err != nil || r.ContentLength <= 0 {
		answer(w, refusal{41005, "media data missing"})
		return
	}
	defer func() { _ = part.Close() }()
	data, err := io.ReadAll(part)
	switch {
	case err != nil || len(data) == 0:
		answer(w, refusal{44001, "empty media data"})
		return
	case len(data) > rule.bytes:
		answer(w, rule.large)
		return
	case !slices.Contains(rule.endings, strings.ToLower(path.Ext(head.Filename))):
		answer(w, refusal{40005, "invalid file type"})
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	id := v.keep(File{Name: head.Filename, ContentType: head.Header.Get("Content-Type"), Data: data, kind: kind})
	out := map[string]any{"type": kind, "created_at": v.o.Now().Unix(), "media_id": id}
	if kind == "thumb" {
		delete(out, "media_id")
		out["thumb_media_id"] = id
	}
	answer(w, out)
}

// mediaGet hands out a file. Of a video it tells the address, as the vendor
// does.
func (v *Vendor) mediaGet(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("media_id")
	v.mu.Lock()
	f, ok := v.files[id]
	stale := v.o.Now().Sub(f.at) > keepFiles
	v.mu.Unlock()
	switch {
	case !ok || stale:
		// As text, as the vendor does.
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, `{"errcode":40007,"errmsg":"invalid media_id"}`)
	case strings.HasPrefix(f.ContentType, "video/"):
		answer(w, map[string]string{"video_url": "http://" + r.Host + "/pictures/" + id})
	default:
		f.serve(w)
	}
}

// picture is what PicUrl and video_url lead to, without a token.
func (v *Vendor) picture(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	f, ok := v.files[r.PathValue("id")]
	v.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	f.serve(w)
}

func (f File) serve(w http.ResponseWriter) {
	w.Header().Set("Content-Type", f.ContentType)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	w.Header().Set("Content-Length", strconv.Itoa(len(f.Data)))
	_, _ = w.Write(f.Data)
}

// ForgetFiles lets the vendor lose all files, as it does after three days.
func (v *Vendor) ForgetFiles() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.files)
}
