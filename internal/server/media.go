package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const (
	uploadTimeout = 10 * time.Minute // for the whole body
	maxFormParts  = 10               // before the file
	sniffed       = 512              // bytes that http.DetectContentType looks at
	maxFileName   = 200              // runes
)

func (s *Server) mediaAPI(a huma.API) {
	huma.Register(a, operation(http.MethodPost, "/v1/media", "upload-media", "Takes a file in",
		answering(http.StatusCreated),
		describedAs("Either the file as the body, named by ?name= or Content-Disposition, or a form with one file. "+
			"The id that is returned goes into attachments of a message.")), s.postMedia)
	// Only described: huma would otherwise read the body itself.
	a.OpenAPI().Paths["/v1/media"].Post.RequestBody = uploadBodies()
	huma.Register(a, operation(http.MethodGet, "/v1/media/{id}", "get-media", "The content of a file",
		describedAs("With the type that was found out when it came in. Only plain pictures are for showing; all else is for saving. "+
			"One that is still being fetched from the vendor is 503 with Retry-After, one that could not be had is 410."), fileAnswer), s.getMedia)
}

func uploadBodies() *huma.RequestBody {
	binary := &huma.Schema{Type: "string", Format: "binary"}
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"*/*": {Schema: binary},
		"multipart/form-data": {Schema: &huma.Schema{
			Type: "object", Required: []string{"file"},
			Properties: map[string]*huma.Schema{"file": binary},
		}},
	}}
}

func fileAnswer(o *huma.Operation) {
	o.Responses = map[string]*huma.Response{"200": {
		Description: "The file",
		Content:     map[string]*huma.MediaType{"*/*": {Schema: &huma.Schema{Type: "string", Format: "binary"}}},
	}}
}

type postMediaIn struct {
	Name        string `query:"name" maxLength:"500" doc:"The file's name."`
	Disposition string `header:"Content-Disposition" doc:"The file's name, as attachment; filename=..."`

	ctx huma.Context
}

// Resolve keeps the call, whose body is read as it comes.
func (in *postMediaIn) Resolve(ctx huma.Context) []error {
	in.ctx = ctx
	return nil
}

type mediaOut struct {
	Location string `header:"Location"`
	Body     normalize.Media
}

func (s *Server) postMedia(ctx context.Context, in *postMediaIn) (*mediaOut, error) {
	r, w := humago.Unwrap(in.ctx)
	if r.ContentLength > s.config.MaxMedia+64<<10 { // a form has its own overhead
		return nil, bodyProblem(errTooLarge, s.config.MaxMedia)
	}
	src := patient(w, r.Body, uploadTimeout)
	defer src.done()
	file, err := s.uploaded(r, src, in)
	if err != nil {
		return nil, err
	}
	m, err := s.take(ctx, file)
	if err != nil {
		return nil, err
	}
	m.URL = s.config.PublicURL + "/v1/media/" + m.ID.String()
	return &mediaOut{Location: "/v1/media/" + m.ID.String(), Body: m}, nil
}

// take stores a file.
func (s *Server) take(ctx context.Context, file upload) (m normalize.Media, err error) {
	head := make([]byte, sniffed)
	n, err := io.ReadFull(file.content, head)
	head = head[:n]
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return m, bodyProblem(err, s.config.MaxMedia)
	}
	if n == 0 {
		return m, flawed("body", "the file is empty")
	}
	capped := &capped{r: io.MultiReader(bytes.NewReader(head), file.content), left: s.config.MaxMedia}
	digest, size, err := s.deps.Media.Put(ctx, capped)
	if capped.err != nil {
		return m, bodyProblem(capped.err, s.config.MaxMedia)
	}
	if err != nil {
		return m, s.fail(ctx, "file", err)
	}
	m, err = s.deps.Timeline.PutMedia(ctx, normalize.Media{
		Name:        fileName(file.name),
		ContentType: contentType(head, file.declared, file.name), Size: size, SHA256: digest,
	}, s.deps.Clock.Now())
	if err != nil {
		return m, s.fail(ctx, "file", err)
	}
	return m, nil
}

// Upload takes a file in for a mounted handler, named and declared as its
// sender says. What is wrong with it is a *timeline.Refused.
func (s *Server) Upload(ctx context.Context, name, declared string, r io.Reader) (normalize.Media, error) {
	m, err := s.take(ctx, upload{content: r, name: name, declared: declared})
	if p, ok := errors.AsType[*Problem](err); ok && p.Status < 500 {
		return m, timeline.Refuse("too_large", "%s", p.Detail)
	}
	return m, err
}

// upload is a file on its way in.
type upload struct {
	content        io.Reader
	name, declared string
}

// uploaded finds the file in a request: its body, or the first file of a form.
func (s *Server) uploaded(r *http.Request, body io.Reader, in *postMediaIn) (upload, error) {
	declared := r.Header.Get("Content-Type")
	kind, params, _ := mime.ParseMediaType(declared)
	if kind != "multipart/form-data" {
		if kind == "application/x-www-form-urlencoded" { // what curl says of any --data
			declared = ""
		}
		u := upload{content: body, name: in.Name, declared: declared}
		if _, params, err := mime.ParseMediaType(in.Disposition); err == nil && u.name == "" {
			u.name = params["filename"]
		}
		return u, nil
	}
	if params["boundary"] == "" {
		return upload{}, flawed("header.Content-Type", "a form needs a boundary")
	}
	r.Body = io.NopCloser(body)
	form, err := r.MultipartReader()
	if err != nil {
		return upload{}, flawed("body", "not a form")
	}
	for range maxFormParts {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return upload{}, bodyProblem(err, s.config.MaxMedia)
		}
		if part.FileName() == "" {
			continue
		}
		u := upload{content: part, name: in.Name, declared: part.Header.Get("Content-Type")}
		if u.name == "" {
			u.name = part.FileName()
		}
		return u, nil
	}
	return upload{}, flawed("body", "the form holds no file")
}

// capped reads what may be stored, and keeps the error that ended it.
type capped struct {
	r    io.Reader
	left int64
	err  error
}

func (c *capped) Read(b []byte) (int, error) {
	if int64(len(b)) > c.left+1 {
		b = b[:c.left+1]
	}
	n, err := c.r.Read(b)
	c.left -= int64(n)
	if c.left < 0 {
		c.err = errTooLarge
		return 0, c.err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// fileName makes one line without a path of what a client called its file.
func fileName(s string) string {
	s = path.Base(strings.ReplaceAll(s, `\`, "/"))
	s = strings.TrimSpace(text.CleanLine(s))
	if runes := []rune(s); len(runes) > maxFileName {
		ext := path.Ext(s)
		keep := maxFileName - len([]rune(ext))
		if keep < 1 {
			keep, ext = maxFileName, ""
		}
		s = string(runes[:keep]) + ext
	}
	if s == "" || s == "." || s == ".." || s == "/" {
		return "file"
	}
	return s
}

// contentType finds out what a file is. Its content decides; where that says
// no more than text, a ZIP container or bytes, the client may know better.
func contentType(head []byte, declared, name string) string {
	found := http.DetectContentType(head)
	switch kind, _, _ := strings.Cut(found, ";"); kind {
	case "application/octet-stream", "text/plain", "application/zip", "text/xml":
	default:
		return found
	}
	for _, better := range []string{declared, mime.TypeByExtension(path.Ext(name))} {
		kind, params, err := mime.ParseMediaType(better)
		if err == nil && kind != "application/octet-stream" && strings.Contains(kind, "/") && len(better) <= 100 {
			return mime.FormatMediaType(kind, params)
		}
	}
	return found
}

type mediaPath struct {
	ID string `path:"id" doc:"The file."`
}

// shown are the types that a browser may show: pictures that cannot hold a
// program.
var shown = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

func (s *Server) getMedia(ctx context.Context, in *mediaPath) (*huma.StreamResponse, error) {
	id, err := pathID("file", in.ID)
	if err != nil {
		return nil, err
	}
	write, err := s.file(ctx, id)
	if err != nil {
		return nil, s.fail(ctx, "file", err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		write(w)
	}}, nil
}

// linkedFile serves a file to whoever has a link to it.
func (s *Server) linkedFile(w http.ResponseWriter, r *http.Request) {
	id, until, ok := s.deps.Links().File(r.PathValue("token"))
	switch {
	case !ok:
		problem(http.StatusNotFound, "there is nothing at this address").write(w)
		return
	case s.deps.Clock.Now().After(until):
		problem(http.StatusGone, "this link worked until "+until.Format(time.RFC1123)).write(w)
		return
	}
	write, err := s.file(r.Context(), id)
	switch {
	case errors.Is(err, timeline.ErrNotFound):
		problem(http.StatusGone, "this file is no longer kept").write(w)
	case err != nil:
		s.log.Error("linked file not served", "request", requestID(r.Context()), "err", err)
		unavailable("the file cannot be read now; try again").write(w)
	default:
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Robots-Tag", "noindex")
		write(w)
	}
}

// file finds a file and returns what writes it as an answer. That is called
// once.
func (s *Server) file(ctx context.Context, id normalize.ID) (write func(w http.ResponseWriter), err error) {
	m, err := s.deps.Timeline.Media(ctx, id)
	if err != nil {
		return nil, err
	}
	content, err := s.deps.Media.Open(ctx, m.SHA256)
	if err != nil {
		// The database knows it, so a missing file is our failure.
		return nil, errors.New("medium " + m.ID.String() + ": " + err.Error())
	}
	return func(w http.ResponseWriter) {
		defer content.Close()
		h := w.Header()
		h.Set("Content-Type", m.ContentType)
		h.Set("Content-Length", strconv.FormatInt(m.Size, 10))
		h.Set("Content-Disposition", disposition(m))
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "private, max-age=3600")
		// Begun is begun: a client who gets less than announced knows it.
		if n, err := io.Copy(newSlowly(w), content); err != nil || n != m.Size {
			panic(http.ErrAbortHandler)
		}
	}, nil
}

func disposition(m *normalize.Media) string {
	how := "attachment"
	if slices.Contains(shown, m.ContentType) {
		how = "inline"
	}
	if v := mime.FormatMediaType(how, map[string]string{"filename": m.Name}); v != "" {
		return v
	}
	return how
}
