package slack

import (
	"io"
	"net/http"
	"testing"
)

// An answer without an end does not fill the memory.
func TestAnAnswerWithoutEnd(t *testing.T) {
	w := wire{&http.Client{Transport: endless{}}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://slack.com/api/auth.test", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); n != maxAnswer || err != nil {
		t.Errorf("%d bytes were read, %v", n, err)
	}
}

type endless struct{}

func (endless) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(io.LimitReader(spaces{}, 4*maxAnswer)), Request: r}, nil
}

type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}
