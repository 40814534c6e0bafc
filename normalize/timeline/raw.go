package timeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"

	"github.com/deskbridge/deskbridge/normalize"
)

const (
	rawCompressFrom = 256      // bytes; below it nothing is gained
	rawInline       = 64 << 10 // bytes, compressed; above it the input goes to a file
	rawSample       = 16 << 10 // bytes of a large input by which its compressed size is estimated
	rawLevel        = 3        // of deflate: half the time of the standard library's fastest, and smaller
	rawMax          = 1 << 30  // bytes that are ever unpacked
)

// pack puts an input into the form in which the ledger keeps it.
func pack(ctx context.Context, files FileBatch, in normalize.Input) (Raw, error) {
	r := Raw{
		Key: line(in.Key), ContentType: in.ContentType, Meta: in.Meta, ReceivedAt: in.ReceivedAt,
		Size: int64(len(in.Raw)), Digest: sha256.Sum256(in.Raw), Data: in.Raw,
	}
	large, err := staysLarge(in.Raw)
	if err == nil && !large && len(in.Raw) >= rawCompressFrom {
		var b []byte
		if b, err = deflate(in.Raw); len(b) < len(in.Raw) {
			r.Encoding, r.Data = RawDeflate, b
		}
	}
	if err != nil {
		return Raw{}, fmt.Errorf("compress a raw input: %w", err)
	}
	if len(r.Data) > rawInline {
		if _, err := files.Write(ctx, in.Raw); err != nil {
			return Raw{}, fmt.Errorf("store a raw input: %w", err)
		}
		r.Encoding, r.Data = RawFile, nil
	}
	return r, nil
}

// staysLarge estimates by its middle whether an input is above rawInline even
// when compressed, as a mail with a picture is: compressing all of it only to
// see that would be in vain.
func staysLarge(raw []byte) (bool, error) {
	if len(raw) <= rawInline {
		return false, nil
	}
	at := (len(raw) - rawSample) / 2
	b, err := deflate(raw[at : at+rawSample])
	return len(raw)/rawSample*len(b) > rawInline, err
}

var deflaters sync.Pool // of *flate.Writer: one holds more than a megabyte

func deflate(b []byte) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, 0, len(b)/2))
	w, ok := deflaters.Get().(*flate.Writer)
	if !ok {
		var err error
		if w, err = flate.NewWriter(out, rawLevel); err != nil {
			return nil, err
		}
	}
	defer deflaters.Put(w)
	w.Reset(out)
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unpack is the inverse of pack.
func (g *Ingestor) unpack(ctx context.Context, r Raw) (normalize.Input, error) {
	b, err := Unpack(ctx, g.Files, r)
	if err != nil {
		return normalize.Input{}, err
	}
	return normalize.Input{Key: r.Key, ContentType: r.ContentType, Meta: r.Meta, ReceivedAt: r.ReceivedAt, Raw: b}, nil
}

// Unpack returns the bytes of a raw input, checked against their digest.
func Unpack(ctx context.Context, files Files, r Raw) ([]byte, error) {
	b := r.Data
	var err error
	switch r.Encoding {
	case RawPlain:
	case RawDeflate:
		b, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(r.Data)), rawMax))
	case RawFile:
		b, err = files.Read(ctx, hex.EncodeToString(r.Digest[:]))
	default:
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("read a raw input: %w", err)
	}
	if sha256.Sum256(b) != r.Digest {
		return nil, errors.New("the stored raw input is damaged: its digest does not fit")
	}
	return b, nil
}
