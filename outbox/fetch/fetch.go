// Package fetch is the lane from the channels' vendors: it brings in what
// messages only refer to.
package fetch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// parallel is how many media of an account are fetched at once.
const parallel = 4

const (
	sniffed = 512 // bytes that http.DetectContentType looks at
	maxName = 200 // characters of a file's name
)

// Store is what fetching needs of the database.
type Store interface {
	Message(ctx context.Context, id normalize.ID) (*normalize.Message, error)
	// Address returns an address by its id; timeline.ErrErased where its
	// customer was erased.
	Address(ctx context.Context, id normalize.ID) (normalize.Address, error)
}

// Files is the media store.
type Files interface {
	// Put stores what r reads as, durably. An error of r comes back wrapped,
	// and nothing is stored.
	Put(ctx context.Context, r io.Reader) (digest string, size int64, err error)
}

// Worker fetches for one account of a channel.
type Worker struct {
	// Channel is a channel.Fetcher, a channel.Profiler, or both.
	Channel channel.Channel
	Store   Store
	Files   Files
	// MaxMedia is the largest file that is taken in, in bytes.
	MaxMedia func() int64
}

// Pace bounds how much is under way at once.
func (w *Worker) Pace(context.Context) outbox.Pace { return outbox.Pace{Parallel: parallel} }

// Work does a fetch or profile job. What is interrupted is done again.
func (w *Worker) Work(ctx context.Context, job *outbox.Job, begin outbox.Begin) outbox.Result {
	fetcher, fetches := w.Channel.(channel.Fetcher)
	profiler, profiles := w.Channel.(channel.Profiler)
	switch {
	case job.Task == outbox.TaskFetch && fetches:
		return w.medium(ctx, fetcher, job, begin)
	case job.Task == outbox.TaskProfile && profiles:
		return w.profile(ctx, profiler, job, begin)
	}
	return outbox.Result{Err: connectors.Errorf(connectors.Unsupported, "", "the channel cannot do a job of kind %s", job.Task)}
}

// profile asks who has an address.
func (w *Worker) profile(ctx context.Context, c channel.Profiler, job *outbox.Job, begin outbox.Begin) outbox.Result {
	res := outbox.Result{Repeatable: true}
	a, err := w.Store.Address(ctx, job.About)
	switch {
	case errors.Is(err, timeline.ErrErased), errors.Is(err, timeline.ErrNotFound):
		res.Detail = "nobody to ask about any more"
		return res
	case err == nil:
		if err = begin(ctx); err == nil {
			res.Profile, err = c.Profile(ctx, a)
		}
	}
	if err != nil {
		res.Err = classed(err)
	}
	return res
}

// medium fetches the medium of a part.
func (w *Worker) medium(ctx context.Context, c channel.Fetcher, job *outbox.Job, begin outbox.Begin) outbox.Result {
	res := outbox.Result{Repeatable: true}
	media, err := w.wanted(ctx, job)
	switch {
	case err != nil:
		res.Err = classed(err)
	case media == nil:
		res.Detail = "nothing to fetch any more"
	default:
		if err = begin(ctx); err == nil {
			res.Fetched, err = w.fetch(ctx, c, media)
		}
		if err != nil {
			res.Err = classed(err)
		}
	}
	return res
}

// wanted returns what is to be fetched; nil where the message was erased or
// taken back, or the medium is here.
func (w *Worker) wanted(ctx context.Context, job *outbox.Job) (*normalize.Media, error) {
	m, err := w.Store.Message(ctx, job.Message)
	if errors.Is(err, timeline.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot load the message: %w", err)
	}
	i := slices.IndexFunc(m.Parts, func(p normalize.Part) bool { return p.ID == job.About })
	if i < 0 || m.Parts[i].Media == nil || m.Parts[i].Media.SHA256 != "" {
		return nil, nil
	}
	return m.Parts[i].Media, nil
}

// fetch stores the content of a medium and returns what is known of it then.
func (w *Worker) fetch(ctx context.Context, c channel.Fetcher, media *normalize.Media) (*normalize.Media, error) {
	limit := w.MaxMedia()
	if media.Size > limit {
		return nil, tooLarge(limit)
	}
	f, err := c.Fetch(ctx, media.Ref)
	if err != nil {
		return nil, err
	}
	defer f.Body.Close()
	if f.Size > limit {
		return nil, tooLarge(limit)
	}
	body := bufio.NewReaderSize(&bounded{r: f.Body, left: limit, limit: limit}, 32<<10)
	head, err := body.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	got := *media
	got.Name = name(f.Name, media.Name)
	got.ContentType = contentType(head, f.ContentType, media.ContentType, got.Name)
	if got.SHA256, got.Size, err = w.Files.Put(ctx, body); err != nil {
		return nil, err
	}
	if f.Size > 0 && got.Size != f.Size {
		return nil, connectors.Errorf(connectors.Transient, "cut_short", "%d bytes came of %d", got.Size, f.Size)
	}
	return &got, nil
}

func tooLarge(limit int64) *connectors.Error {
	return connectors.Errorf(connectors.Rejected, "too_large",
		"the file is larger than media.max_size, which is %d bytes; raise it and try again (deskbridge outbox retry), or look at it in the vendor's app", limit)
}

// bounded reads no more than may be stored.
type bounded struct {
	r           io.Reader
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLarge(b.limit)
	}
	return n, err
}

// name is one line without a path, of what the vendor calls a file now or did
// before.
func name(now, before string) string {
	for _, s := range []string{now, before} {
		s = strings.TrimSpace(text.Truncate(path.Base(strings.ReplaceAll(s, `\`, "/")), maxName))
		if s != "" && s != "." && s != ".." && s != "/" {
			return s
		}
	}
	return ""
}

// contentType is what the vendor says, now or before, where that says
// anything, and otherwise what the content and the name tell.
func contentType(head []byte, now, before, name string) string {
	found := http.DetectContentType(head)
	said := []string{now, before}
	if found == "application/octet-stream" || strings.HasPrefix(found, "text/plain") {
		said = append(said, mime.TypeByExtension(path.Ext(name)))
	}
	for _, s := range said {
		kind, params, err := mime.ParseMediaType(s)
		if err == nil && kind != "application/octet-stream" && strings.Contains(kind, "/") && len(s) <= 100 {
			return mime.FormatMediaType(kind, params)
		}
	}
	return found
}

// classed returns the class that err names, or else Transient: a repeat is
// harmless here.
func classed(err error) *connectors.Error {
	if e, ok := errors.AsType[*connectors.Error](err); ok {
		return e
	}
	return &connectors.Error{Class: connectors.Transient, Err: err}
}
