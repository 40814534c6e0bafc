package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/internal/app"
	"github.com/deskbridge/deskbridge/internal/cli"
)

type configCmd struct {
	Check   configCheckCmd   `cmd:"" help:"Check configuration files, and list everything that is wrong"`
	Example configExampleCmd `cmd:"" help:"Show an annotated example of a type of channel or helpdesk"`
	Schema  configSchemaCmd  `cmd:"" help:"Show the JSON schema of the file"`
}

type configCheckCmd struct {
	Files  []string `arg:"" optional:"" name:"file" help:"The files; without any, the one of --config"`
	Online bool     `help:"Ask every account's vendor whether it takes the credentials"`
}

func (c *configCheckCmd) Run(e *env) error {
	files := c.Files
	if len(files) == 0 {
		files = []string{e.config}
	}
	bad := false
	for _, path := range files {
		f, err := configs.Load(path, app.Types())
		if problems, ok := errors.AsType[configs.Problems](err); ok {
			bad = true
			for _, p := range problems {
				fmt.Fprintln(e.err, cli.Line(p.String()))
			}
			continue
		}
		if err != nil {
			return err
		}
		e.say("%s: ok", cli.Line(path))
		if c.Online {
			online, err := e.probe(f)
			if err != nil {
				return err
			}
			if err := cli.RenderChecks(e.out, online, e.opts); err != nil {
				return err
			}
			bad = bad || slices.ContainsFunc(online, failed)
		}
	}
	if bad {
		return errReported
	}
	return nil
}

// probe asks the vendors of a configuration's accounts. A store that is not
// there yet stays so: a check makes nothing, and there is nothing in it to be
// read.
func (e *env) probe(f *configs.File) ([]cli.Check, error) {
	if absent(e.ctx, f) {
		dir, err := os.MkdirTemp("", "deskbridge-check-")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		elsewhere := *f
		elsewhere.Store.URL = configs.Secret("sqlite://" + filepath.Join(dir, "deskbridge.db"))
		elsewhere.Media.Dir = filepath.Join(dir, "media")
		f = &elsewhere
	}
	a, err := app.Attach(e.ctx, f, app.Options{Log: e.quiet(), Version: version()})
	if err != nil {
		return nil, err
	}
	defer a.Close()
	ctx, stop := context.WithTimeout(e.ctx, probePatience)
	defer stop()
	return probeAll(ctx, a), nil
}

func failed(c cli.Check) bool { return c.Level == cli.Fail }

type configExampleCmd struct {
	Type string `arg:"" optional:"" help:"A type of channel or helpdesk, such as email; without any, every setting there is"`
}

func (c *configExampleCmd) Run(e *env) error {
	text := configs.ExampleFile(app.Types())
	if c.Type != "" {
		var err error
		if text, err = configs.Example("", c.Type, app.Types()); err != nil {
			return usageError{err}
		}
	}
	e.say("%s", strings.TrimRight(text, "\n"))
	return nil
}

type configSchemaCmd struct{}

func (c *configSchemaCmd) Run(e *env) error {
	_, err := e.out.Write(configs.Schema(app.Types()))
	return err
}
