package media_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestFilesOfABatchAreThereOnceItIsCommitted(t *testing.T) {
	d, dir := open(t)
	if _, err := write(t, d, []byte("known before")); err != nil {
		t.Fatal(err)
	}
	contents := [][]byte{[]byte("known before"), []byte("twice"), []byte("twice"), {}}
	for i := range 200 { // more than a batch keeps open
		contents = append(contents, fmt.Appendf(nil, "file %d", i))
	}
	digests := make([]string, len(contents))
	b := d.Batch()
	defer b.Discard()
	var wg sync.WaitGroup
	for i, c := range contents {
		wg.Go(func() {
			sum := sha256.Sum256(c)
			digests[i] = hex.EncodeToString(sum[:])
			if err := b.Write(t.Context(), c, sum); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, c := range contents {
		if got, err := d.Read(t.Context(), digests[i]); err != nil || !bytes.Equal(got, c) {
			t.Fatalf("content %d: %q, %v", i, got, err)
		}
	}
	if got, want := len(files(t, dir)), len(contents)-1; got != want {
		t.Errorf("%d files, want %d", got, want)
	}
}

func TestNothingStaysOfABatchThatIsGivenUp(t *testing.T) {
	d, dir := open(t)
	b := d.Batch()
	if err := b.Write(t.Context(), []byte("content"), sha256.Sum256([]byte("content"))); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Commit(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("err %v", err)
	}
	b.Discard()
	if names := files(t, dir); len(names) != 0 {
		t.Errorf("files: %v", names)
	}
}

// Somebody who tidies up empty folders must not stop the mail.
func TestFoldersThatWereRemovedAreMadeAgain(t *testing.T) {
	d, dir := open(t)
	digest, err := write(t, d, []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, digest[:2])); err != nil {
		t.Fatal(err)
	}
	if _, err := write(t, d, []byte("content")); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Read(t.Context(), digest); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
}
