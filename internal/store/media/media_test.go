package media_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/deskbridge/deskbridge/internal/store/media"
)

func open(t *testing.T) (*media.Dir, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "media")
	d, err := media.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, dir
}

// write stores content by a batch of its own.
func write(t *testing.T, d *media.Dir, content []byte) (digest string, err error) {
	t.Helper()
	b := d.Batch()
	defer b.Discard()
	sum := sha256.Sum256(content)
	if err := b.Write(t.Context(), content, sum); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum[:]), b.Commit(t.Context())
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestSameContentIsOneFile(t *testing.T) {
	d, dir := open(t)
	content := bytes.Repeat([]byte("picture"), 10_000)
	sum := sha256.Sum256(content)
	want := hex.EncodeToString(sum[:])
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			digest, size, err := d.Put(t.Context(), bytes.NewReader(content))
			if err != nil || digest != want || size != int64(len(content)) {
				t.Errorf("Put: %s, %d, %v", digest, size, err)
			}
		})
	}
	wg.Wait()
	if names := files(t, dir); len(names) != 1 {
		t.Errorf("files: %v", names)
	}
	got, err := d.Read(t.Context(), want)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("Read: %d bytes, %v", len(got), err)
	}
	st, err := os.Stat(files(t, dir)[0])
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestNothingStaysOfAFailedUpload(t *testing.T) {
	d, dir := open(t)
	broken := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("cut")))
	if _, _, err := d.Put(t.Context(), broken); err == nil || !strings.Contains(err.Error(), "cut") {
		t.Errorf("err %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := d.Put(ctx, strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("err %v", err)
	}
	if names := files(t, dir); len(names) != 0 {
		t.Errorf("files: %v", names)
	}
}

func TestDigestsDoNotWander(t *testing.T) {
	d, _ := open(t)
	for _, bad := range []string{"", "../../etc/passwd", strings.Repeat("g", 64), strings.Repeat("a", 63), "/" + strings.Repeat("a", 63)} {
		if _, err := d.Open(t.Context(), bad); !errors.Is(err, media.ErrBadDigest) {
			t.Errorf("Open(%q): %v", bad, err)
		}
	}
	missing := strings.Repeat("a", 64)
	if _, err := d.Open(t.Context(), missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := d.Remove(t.Context(), missing); err != nil {
		t.Errorf("remove missing: %v", err)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	d, dir := open(t)
	digest, err := write(t, d, []byte("whole"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files(t, dir)[0], []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read(t.Context(), digest); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("err %v", err)
	}
}

func TestContentThatWasJustStoredIsNotRemoved(t *testing.T) {
	d, dir := open(t)
	digest, err := write(t, d, []byte("again"))
	if err != nil {
		t.Fatal(err)
	}
	file := files(t, dir)[0]
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := write(t, d, []byte("again")); err != nil { // a second message brings it
		t.Fatal(err)
	}
	if err := d.Remove(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read(t.Context(), digest); err != nil {
		t.Errorf("a sweep took the file of a message that was just coming in: %v", err)
	}
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if names := files(t, dir); len(names) != 0 {
		t.Errorf("files: %v", names)
	}
}

func TestWhatAKilledWriterLeftIsRemoved(t *testing.T) {
	d, dir := open(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-48 * time.Hour)
	for name, at := range map[string]time.Time{"dead": old, "under-way": time.Now()} {
		p := filepath.Join(dir, "incoming", name)
		if err := errors.Join(os.WriteFile(p, []byte("half"), 0o600), os.Chtimes(p, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	d, err := media.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if names := files(t, dir); len(names) != 1 || filepath.Base(names[0]) != "under-way" {
		t.Errorf("files: %v", names)
	}
}
