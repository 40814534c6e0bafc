package connectors

import (
	"fmt"
	"maps"
	"slices"
)

// Registry holds the kinds of one sort of connector by the type name that a
// configuration uses.
type Registry[K any] struct{ kinds map[string]K }

// Add registers k. It panics on an empty or taken name: that is a mistake in
// the program, found when it starts.
func (r *Registry[K]) Add(name string, k K) {
	if name == "" {
		panic("connectors: a kind needs a type name")
	}
	if _, taken := r.kinds[name]; taken {
		panic(fmt.Sprintf("connectors: type %q is registered twice", name))
	}
	if r.kinds == nil {
		r.kinds = map[string]K{}
	}
	r.kinds[name] = k
}

// Get returns the kind with this type name.
func (r *Registry[K]) Get(name string) (K, bool) {
	k, ok := r.kinds[name]
	return k, ok
}

// Names returns all type names, sorted.
func (r *Registry[K]) Names() []string { return slices.Sorted(maps.Keys(r.kinds)) }
