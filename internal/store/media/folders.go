package media

import (
	"strings"
	"sync"
)

// folders are those whose names are known to be durable, and those of the
// folders around them: only what is in them needs to be synced. There are 65,793
// at most.
type folders struct {
	mu   sync.Mutex
	kept map[string]bool
}

func (f *folders) has(folder string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kept[folder]
}

func (f *folders) add(list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil {
		f.kept = map[string]bool{}
	}
	for _, folder := range list {
		f.kept[strings.Clone(folder)] = true
	}
}

// forget is for a folder that was there and is not.
func (f *folders) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.kept)
}
