package wecomkf

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/silenceper/wechat/v2/work/kf/sendmsg"

	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
)

// thumbnailLife is how long an uploaded thumbnail is used again: WeCom keeps
// it for three days.
const thumbnailLife = 60 * time.Hour

// composeCard writes a link below a configured address as a card, or returns
// nil. A card whose picture cannot be read goes out as words.
func (w *WecomKf) composeCard(ctx context.Context, l link, head sendmsg.Message) (any, error) {
	for _, card := range w.cfg.Cards {
		if !strings.HasPrefix(l.address, card.Prefix) {
			continue
		}
		picture, err := readPicture(card.Thumbnail)
		if err != nil {
			w.deps.Log.Warn("a link goes out without its card", "prefix", card.Prefix, "err", err)
			return nil, nil
		}
		thumb, err := w.thumbnail(ctx, picture)
		if err != nil {
			return nil, err
		}
		if card.AppID == "" {
			m := sendmsg.Link{Message: head, MsgType: "link"}
			m.Link.Title, m.Link.URL, m.Link.ThumbMediaID = l.words, l.address, thumb
			return m, nil
		}
		m := sendmsg.MiniProgram{Message: head, MsgType: "miniprogram"}
		m.MiniProgram.AppID, m.MiniProgram.Title, m.MiniProgram.ThumbMediaID = card.AppID, l.words, thumb
		m.MiniProgram.PagePath = card.PagePath
		if u, err := url.Parse(l.address); err == nil && u.RawQuery != "" {
			m.MiniProgram.PagePath += "?" + u.RawQuery
		}
		return m, nil
	}
	return nil, nil
}

func readPicture(path string) (tencent.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return tencent.File{}, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxThumbnail+1))
	if err != nil {
		return tencent.File{}, err
	}
	p := tencent.File{Name: filepath.Base(path), ContentType: http.DetectContentType(data), Data: data}
	if len(data) > maxThumbnail || !isPicture(p.ContentType) {
		return tencent.File{}, fmt.Errorf("%s is no PNG or JPEG of at most %d bytes", path, maxThumbnail)
	}
	return p, nil
}

// thumbnail returns the media id of a picture, of which all nodes share one
// upload.
func (w *WecomKf) thumbnail(ctx context.Context, picture tencent.File) (string, error) {
	sum := sha256.Sum256(picture.Data)
	name := "thumbnail/" + hex.EncodeToString(sum[:8])
	id, err := w.deps.Tokens.Get(ctx, name)
	if err != nil || id != "" {
		return id, err
	}
	if id, err = w.upload(ctx, "image", picture); err != nil {
		return "", err
	}
	return id, w.deps.Tokens.Set(ctx, name, id, w.deps.Clock.Now().Add(thumbnailLife))
}
