package timeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline/pack"
)

const (
	rawCompressFrom = 256      // bytes; below it nothing is gained
	rawInline       = 64 << 10 // bytes, compressed; above it the input goes to a file
	rawSample       = 4 << 10  // bytes of a large input by which its compressed size is estimated
)

// packRaw puts an input into the form in which the ledger keeps it.
func packRaw(ctx context.Context, files FileBatch, in normalize.Input) (Raw, error) {
	r := Raw{
		Key: line(in.Key), ContentType: in.ContentType, Meta: in.Meta, ReceivedAt: in.ReceivedAt,
		Size: int64(len(in.Raw)), Digest: sha256.Sum256(in.Raw), Data: in.Raw,
	}
	if len(in.Raw) >= rawCompressFrom && !staysLarge(in.Raw) {
		b, format := pack.Append(nil, in.Raw)
		r.Encoding, r.Data = rawEncodings[format], b
	}
	if len(r.Data) > rawInline {
		if err := files.Write(ctx, in.Raw, r.Digest); err != nil {
			return Raw{}, fmt.Errorf("store a raw input: %w", err)
		}
		r.Encoding, r.Data = RawFile, nil
	}
	return r, nil
}

// staysLarge estimates by its middle whether an input is above rawInline even
// when compressed, as a mail with a picture is: compressing all of it only to
// see that would be in vain.
func staysLarge(raw []byte) bool {
	if len(raw) <= rawInline {
		return false
	}
	at := (len(raw) - rawSample) / 2
	b, _ := pack.Append(nil, raw[at:at+rawSample])
	return len(raw)/rawSample*len(b) > rawInline
}

// rawEncodings are the names of the formats.
var rawEncodings = map[pack.Format]string{pack.Plain: RawPlain, pack.Deflate: RawDeflate, pack.S2: RawS2}

// unpack is the inverse of packRaw.
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
		b, err = pack.Unpack(r.Data, pack.Deflate)
	case RawZstd:
		b, err = pack.Unpack(r.Data, pack.Zstd)
	case RawS2:
		b, err = pack.Unpack(r.Data, pack.S2)
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
