package timeline

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline/pack"
)

const (
	rawCompressFrom = 256      // bytes; below it nothing is gained
	rawInline       = 64 << 10 // bytes, compressed; above it the input goes to a file
	rawSample       = 4 << 10  // bytes of a large input by which its compressed size is estimated
)

// quarantine tells of which sizes an account has inputs in quarantine, among
// those of a batch.
type quarantine func() (map[int64]bool, error)

// packRaw puts an input into the form in which the ledger keeps it: without
// the files that it carries, where that can be. digest is that of in.Raw, made
// when it is asked for.
func packRaw(ctx context.Context, files FileBatch, held quarantine, in normalize.Input, digest func() [32]byte, carries []carried) (Raw, error) {
	r := Raw{
		Key: line(in.Key), ContentType: in.ContentType, Meta: in.Meta, ReceivedAt: in.ReceivedAt,
		Size: int64(len(in.Raw)),
	}
	if found, rest := carve(in.Raw, carries); len(found) > 0 && !staysLarge(rest) {
		sizes, err := held()
		if err != nil {
			return Raw{}, fmt.Errorf("look into the quarantine: %w", err)
		}
		// What is in quarantine and comes again is known by the digest of its
		// bytes: that of a carved input is another.
		if !sizes[r.Size] && r.carved(found, rest) {
			return r, nil
		}
	}
	r.Digest, r.Data = digest(), in.Raw
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

// carved keeps an input as references to its files and the rest, unless that
// is too large to stand in a row.
func (r *Raw) carved(found []reference, rest []byte) bool {
	data, sum := packCarved(found, rest)
	if len(data) > rawInline {
		return false
	}
	r.Encoding, r.Data, r.Digest = RawCarved, data, sha256.Sum256(sum)
	for _, f := range found {
		if !slices.Contains(r.Files, f.digest) {
			r.Files = append(r.Files, f.digest)
		}
	}
	return true
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

var errDamaged = errors.New("the stored raw input is damaged: its digest does not fit")

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
	case RawCarved:
		return unpackCarved(ctx, files, r)
	default:
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("read a raw input: %w", err)
	}
	if sha256.Sum256(b) != r.Digest {
		return nil, errDamaged
	}
	return b, nil
}

// unpackCarved puts an input together again. Beside it, one file at a time is
// in memory.
func unpackCarved(ctx context.Context, files Files, r Raw) ([]byte, error) {
	list, packed, ok := readReferences(r.Data)
	if !ok || len(packed) == 0 {
		return nil, errDamaged
	}
	head := r.Data[:len(r.Data)-len(packed)]
	rest, err := pack.Unpack(packed[1:], pack.Format(packed[0]))
	if err != nil {
		return nil, fmt.Errorf("read a raw input: %w", err)
	}
	sum := sha256.New()
	sum.Write(head) // never fails
	sum.Write(rest)
	if [32]byte(sum.Sum(nil)) != r.Digest {
		return nil, errDamaged
	}
	out := make([]byte, 0, max(0, min(r.Size, carveMost)))
	for _, f := range list {
		if f.gap > len(rest) || int64(len(out)+f.gap+f.lines.length(f.size)) > r.Size {
			return nil, errDamaged
		}
		out, rest = append(out, rest[:f.gap]...), rest[f.gap:]
		name := hex.EncodeToString(f.digest[:])
		data, err := files.Read(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("read the file %s, which a raw input carries: %w", name, err)
		}
		if len(data) != f.size {
			return nil, errDamaged
		}
		out = f.lines.append(out, data)
	}
	if out = append(out, rest...); int64(len(out)) != r.Size {
		return nil, errDamaged
	}
	return out, nil
}

// append writes data in base64.
func (l layout) append(out, data []byte) []byte {
	for step := l.width / 4 * 3; step > 0 && len(data) > step; data = data[step:] {
		out = append(base64.StdEncoding.AppendEncode(out, data[:step]), l.ending()...)
	}
	return base64.StdEncoding.AppendEncode(out, data)
}
