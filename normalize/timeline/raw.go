package timeline

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/deskbridge/deskbridge/normalize"
)

const (
	rawCompressFrom = 256      // bytes; below it nothing is gained
	rawInline       = 64 << 10 // bytes, compressed; above it the input goes to a file
	rawMax          = 1 << 30  // bytes that are ever unpacked
)

// pack puts an input into the form in which the ledger keeps it.
func (g *Ingestor) pack(ctx context.Context, in normalize.Input) (Raw, error) {
	r := Raw{
		Key: line(in.Key), ContentType: in.ContentType, Meta: in.Meta, ReceivedAt: in.ReceivedAt,
		Size: int64(len(in.Raw)), Digest: sha256.Sum256(in.Raw), Data: in.Raw,
	}
	if len(in.Raw) >= rawCompressFrom {
		var b bytes.Buffer
		if err := deflate(&b, in.Raw); err != nil {
			return Raw{}, fmt.Errorf("compress a raw input: %w", err)
		}
		if b.Len() < len(in.Raw) {
			r.Encoding, r.Data = RawDeflate, b.Bytes()
		}
	}
	if len(r.Data) > rawInline {
		if _, err := g.Files.Write(ctx, in.Raw); err != nil {
			return Raw{}, fmt.Errorf("store a raw input: %w", err)
		}
		r.Encoding, r.Data = RawFile, nil
	}
	return r, nil
}

var deflaters sync.Pool // of *flate.Writer: one holds more than a megabyte

func deflate(to io.Writer, b []byte) error {
	w, ok := deflaters.Get().(*flate.Writer)
	if !ok {
		var err error
		if w, err = flate.NewWriter(to, flate.BestSpeed); err != nil {
			return err
		}
	}
	defer deflaters.Put(w)
	w.Reset(to)
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.Close()
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
