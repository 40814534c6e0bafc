package tencent

import (
	"bytes"
	"context"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
)

// File is what is uploaded.
type File struct {
	Name        string
	ContentType string
	Data        []byte
}

// form returns the file as the vendor wants it: with its length, not chunked,
// and with a plain file name, by whose ending it tells the formats apart.
func (f File) form() (body io.Reader, contentType string, length int64, err error) {
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	name := strings.NewReplacer(`"`, "", `\`, "", "\r", "", "\n", "").Replace(f.Name)
	_, err = w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="media"; filename="` + name + `"`},
		"Content-Type":        {f.ContentType},
	})
	if err != nil {
		return nil, "", 0, err
	}
	// The file itself is not copied into the buffer.
	tail := "\r\n--" + w.Boundary() + "--\r\n"
	length = int64(head.Len() + len(f.Data) + len(tail))
	body = io.MultiReader(&head, bytes.NewReader(f.Data), strings.NewReader(tail))
	return body, w.FormDataContentType(), length, nil
}

// Download is a file on its way in.
type Download struct {
	Name        string
	ContentType string // empty where the vendor names none of use
	Size        int64  // 0 where it is not known
	Body        io.ReadCloser
}

func newDownload(res *http.Response, cancel context.CancelFunc) *Download {
	d := &Download{Size: max(res.ContentLength, 0), Body: cancelBody{res.Body, cancel}}
	if t, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err == nil && t != "application/octet-stream" {
		d.ContentType = t
	}
	if _, params, err := mime.ParseMediaType(res.Header.Get("Content-Disposition")); err == nil {
		d.Name = params["filename"]
	}
	return d
}

// cancelBody ends the time limit of a request with its body.
type cancelBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b cancelBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// traceWrites returns a context for one request, and whether a connection was
// there to write it to: without one the vendor has surely seen nothing. Where
// net/http takes another connection, it has written nothing to the one before.
func traceWrites(ctx context.Context) (context.Context, func() bool) {
	var connected atomic.Bool
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { connected.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}), connected.Load
}
