package kit

import (
	"bytes"
	"context"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strings"
	"sync"
)

// FormFile is one file of a form.
type FormFile struct {
	Field, Name, ContentType string
	Size                     int64 // bytes, exactly
	Open                     func(ctx context.Context) (io.ReadCloser, error)
}

// Form is a form with files, which are read while they are sent. Its length is
// known before, so that it does not go out in chunks.
func Form(fields [][2]string, files []FormFile) (*RESTStream, error) {
	var frame bytes.Buffer
	w := multipart.NewWriter(&frame)
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			return nil, err
		}
	}
	var size int64
	cuts := make([]int, len(files)) // where in frame each file belongs
	for i, f := range files {
		kind := f.ContentType
		if kind == "" {
			kind = "application/octet-stream"
		}
		if _, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {disposition(f)}, "Content-Type": {kind}}); err != nil {
			return nil, err
		}
		cuts[i] = frame.Len()
		size += f.Size
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &RESTStream{
		Type: w.FormDataContentType(), Length: int64(frame.Len()) + size,
		Open: func(ctx context.Context) (io.ReadCloser, error) {
			return &form{
				frame: frame.Bytes(), cuts: cuts,
				open: func(i int) (io.ReadCloser, error) { return files[i].Open(ctx) },
			}, nil
		},
	}, nil
}

// disposition names a file as browsers do, in UTF-8 with quotes escaped, which
// servers understand; RFC 2231 is not for forms (RFC 7578 section 4.2).
func disposition(f FormFile) string {
	name := strings.NewReplacer("\\", "_", `"`, "%22", "\r", "_", "\n", "_").Replace(f.Name)
	return mime.FormatMediaType("form-data", map[string]string{"name": f.Field}) + `; filename="` + name + `"`
}

// form reads the frame with the files in their places.
type form struct {
	mu    sync.Mutex // a transport may close what it still reads
	frame []byte
	cuts  []int
	open  func(file int) (io.ReadCloser, error)
	at    int // in the frame
	next  int // the file that comes
	file  io.ReadCloser
}

func (f *form) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if f.file != nil {
			n, err := f.file.Read(p)
			if err == io.EOF {
				_ = f.file.Close()
				f.file, err = nil, nil
			}
			if n > 0 || err != nil {
				return n, err
			}
			continue
		}
		end := len(f.frame)
		if f.next < len(f.cuts) {
			end = f.cuts[f.next]
		}
		if f.at < end {
			n := copy(p, f.frame[f.at:end])
			f.at += n
			return n, nil
		}
		if f.next == len(f.cuts) {
			return 0, io.EOF
		}
		file, err := f.open(f.next)
		if err != nil {
			return 0, err
		}
		f.file = file
		f.next++
	}
}

func (f *form) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = len(f.cuts)
	if f.file != nil {
		return f.file.Close()
	}
	return nil
}
