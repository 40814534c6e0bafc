// Package tencent holds what the WeChat official account and WeCom share: the
// signed and encrypted callback, access tokens, and JSON calls whose failures
// come as HTTP 200 with an errcode.
//
// It takes the cryptography of silenceper/wechat and nothing that this SDK
// keeps for the whole process: its HTTP client, addresses and token cache.
package tencent

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
)

const (
	maxXML   = 1 << 20 // callbacks have some kilobytes
	maxDepth = 16
	maxNodes = 4096
)

// Unmarshal reads an XML document of the vendor into v. It refuses, as
// connectors.ErrMalformed, what no callback needs: document types and with them entities,
// other encodings than UTF-8, and documents that are large, deep or of very
// many elements. Bytes that XML does not allow, which customers manage to send
// within CDATA, become U+FFFD instead of making the message unreadable.
func Unmarshal(doc []byte, v any) error {
	if len(doc) > maxXML {
		return fmt.Errorf("%w: the document has %d bytes", connectors.ErrMalformed, len(doc))
	}
	doc = bytes.ToValidUTF8(doc, []byte("\uFFFD"))
	doc = bytes.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return '\uFFFD'
		}
		return r
	}, doc)
	if err := bounded(doc); err != nil {
		return err
	}
	if err := xml.Unmarshal(doc, v); err != nil {
		return fmt.Errorf("%w: %w", connectors.ErrMalformed, err)
	}
	return nil
}

func bounded(doc []byte) error {
	d := xml.NewDecoder(bytes.NewReader(doc))
	depth, nodes := 0, 0
	for {
		token, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF) && nodes > 0:
			return nil
		case err != nil:
			return fmt.Errorf("%w: it is no XML", connectors.ErrMalformed)
		}
		switch token.(type) {
		case xml.Directive:
			return fmt.Errorf("%w: it has a document type", connectors.ErrMalformed)
		case xml.StartElement:
			depth++
			nodes++
		case xml.EndElement:
			depth--
		}
		if depth > maxDepth || nodes > maxNodes {
			return fmt.Errorf("%w: it is nested too deeply or has too many elements", connectors.ErrMalformed)
		}
	}
}

const aesKeyBytes = 32

// CheckAESKey says what is wrong with a configured EncodingAESKey, if anything.
func CheckAESKey(key string) error {
	_, err := decodeKey(key)
	return err
}

// decodeKey reads 43 letters of base64 without the padding. Not strict: the
// vendor draws the letters at random, the unused bits of the last one too.
func decodeKey(key string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(key + "=")
	if len(key) != 43 || err != nil || len(b) != aesKeyBytes {
		return nil, errors.New("must be the 43 letters and digits that the vendor's console shows as EncodingAESKey")
	}
	return b, nil
}

// clip shortens words of the vendor and takes the secrets out.
func clip(s string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "<secret>")
		}
	}
	if r := []rune(strings.ToValidUTF8(s, "\uFFFD")); len(r) > 200 {
		return string(r[:200])
	}
	return s
}
