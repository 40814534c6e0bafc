package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

const jpegMagic = "\xff\xd8\xff\xe0"

// picture is a file that holds words, and some kilobytes besides.
func picture(words string) []byte {
	return []byte(jpegMagic + words + "\n" + strings.Repeat("picture", 1000))
}

// wordsOf returns the words that a picture holds, or what it holds instead.
func wordsOf(content []byte) string {
	words, rest, _ := strings.Cut(strings.TrimPrefix(string(content), jpegMagic), "\n")
	if !bytes.Equal(content, picture(words)) {
		return fmt.Sprintf("%d bytes that are no picture: %.40q ... %d", len(content), words, len(rest))
	}
	return words
}

// request makes one without a body in JSON, and returns the answer's body.
func (r *rig) request(method, address, contentType string, body []byte) ([]byte, error) {
	req, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(address, "http://"+r.listen+"/v1/") {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s %s", method, address, res.Status, b)
	}
	return b, err
}

// upload hands a picture in and returns its id.
func (r *rig) upload(content []byte) (id string, err error) {
	b, err := r.request("POST", "http://"+r.listen+"/v1/media?name=photo.jpg", "image/jpeg", content)
	if err != nil {
		return "", err
	}
	var m struct{ ID string }
	return m.ID, json.Unmarshal(b, &m)
}

// media returns the content of a file of a message.
func (r *rig) media(id string) ([]byte, error) {
	return r.request("GET", "http://"+r.listen+"/v1/media/"+id, "", nil)
}

// said returns the words of a message, be they in a picture, which is fetched
// first; or an error while they cannot be had.
func (r *rig) said(m message) (string, error) {
	if len(m.Parts) != 1 || m.Parts[0].Kind != "image" {
		return m.Text, nil
	}
	if m.Parts[0].Status == "pending" {
		if _, err := r.call("GET", "/v1/messages/"+m.ID, nil, &m); err != nil {
			return "", err
		}
	}
	content, err := r.media(m.Parts[0].Media.ID)
	if err != nil {
		return "", err
	}
	return wordsOf(content), nil
}

// mustSay is said, which may take some time.
func (r *rig) mustSay(m message) string {
	r.t.Helper()
	for end := time.Now().Add(testenv.Patience); ; time.Sleep(50 * time.Millisecond) {
		words, err := r.said(m)
		if err == nil {
			return words
		}
		if time.Now().After(end) {
			r.t.Errorf("the picture of message %s: %v", m.ID, err)
			return ""
		}
	}
}

// told returns the words that a customer was given, be they in a picture.
func (r *rig) told(g vendors.Got) string {
	r.t.Helper()
	switch {
	case g.Link != "":
		content, err := r.request("GET", g.Link, "", nil)
		if err != nil {
			return err.Error()
		}
		return g.Text + wordsOf(content)
	case g.File != nil:
		return g.Text + wordsOf(g.File)
	}
	return g.Text
}
