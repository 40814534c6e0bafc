package main

import (
	"runtime"
	"runtime/debug"

	"github.com/deskbridge/deskbridge/internal/store"
)

// release is set by the linker for a release: -X main.release=v1.2.3.
var release string

type versionCmd struct {
	JSON bool `name:"json" help:"Write JSON"`
}

func (c *versionCmd) Run(e *env) error {
	commit, modified := revision()
	if c.JSON {
		return e.json(map[string]any{
			"version": version(), "commit": commit, "modified": modified,
			"schema": store.SchemaVersion, "go": runtime.Version(),
		})
	}
	if modified {
		commit += " with changes"
	}
	e.say("deskbridge %s\ncommit     %s\nschema     %d\ngo         %s %s/%s", version(), commit, store.SchemaVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// revision returns the commit that the binary was built from.
func revision() (commit string, modified bool) {
	commit = "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return commit, false
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	return commit, modified
}
