package main

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/internal/app"
	"github.com/deskbridge/deskbridge/internal/cli"
)

type doctorCmd struct {
	Offline bool `help:"Ask no vendor and no public address"`
	JSON    bool `name:"json" help:"Write JSON"`
}

func (c *doctorCmd) Run(e *env) error {
	d := &doctor{env: e, offline: c.Offline}
	d.examine()
	if c.JSON {
		if err := e.json(cli.NewList(d.checks, "")); err != nil {
			return err
		}
	} else if err := cli.RenderChecks(e.out, d.checks, e.opts); err != nil {
		return err
	}
	if slices.ContainsFunc(d.checks, failed) {
		return errReported
	}
	return nil
}

// doctor gathers checks. One that fails does not keep others from being made,
// as far as they can be.
type doctor struct {
	*env
	offline bool
	checks  []cli.Check
	file    *configs.File
	app     *app.App
}

func (d *doctor) add(level cli.Level, name, text, advice string) {
	d.checks = append(d.checks, cli.Check{Name: name, Level: level, Text: text, Advice: advice})
}

func (d *doctor) examine() {
	file, err := configs.Load(d.config, app.Types())
	if err != nil {
		d.broken(err)
		return
	}
	d.file = file
	d.opts.Redact = redactor(file)
	d.add(cli.OK, "configuration", d.config, "")
	d.permissions()
	d.disks()
	d.schema()
	d.publicURL()
	d.running()
	if absent(d.ctx, file) {
		d.beforehand()
		return
	}
	a, err := app.Attach(d.ctx, file, app.Options{Log: d.quiet(), Version: version()})
	if err != nil {
		d.add(cli.Fail, "store", err.Error(), "mend this, then run doctor again: nothing that needs the store was checked")
		return
	}
	defer a.Close()
	d.app = a
	d.commit()
	d.media()
	d.clock()
	d.states()
	d.outbox()
	d.quarantine()
	d.leases()
	d.tokens()
	if d.offline {
		d.add(cli.Warn, "accounts", "not asked, because of --offline", "")
		return
	}
	ctx, stop := context.WithTimeout(d.ctx, probePatience)
	defer stop()
	d.checks = append(d.checks, probeAll(ctx, a)...)
}

// beforehand makes the checks that need no store, and leaves it to the daemon
// to make one: as the user who runs it.
func (d *doctor) beforehand() {
	d.clock()
	if d.offline {
		d.add(cli.Warn, "accounts", "not asked, because of --offline", "")
		return
	}
	online, err := d.probe(d.file)
	if err != nil {
		d.add(cli.Fail, "accounts", err.Error(), "")
		return
	}
	d.checks = append(d.checks, online...)
}

func (d *doctor) broken(err error) {
	problems, ok := errors.AsType[configs.Problems](err)
	if !ok {
		d.add(cli.Fail, "configuration", err.Error(), "")
	}
	for _, p := range problems {
		d.add(cli.Fail, "configuration", p.String(), "")
	}
}

// permissions warns of secrets that others may read.
func (d *doctor) permissions() {
	if text, err := os.ReadFile(d.config); err == nil && open(d.config) && holdsSecret(string(text), d.file) {
		d.add(cli.Warn, "configuration", "holds secrets, and everyone on this machine may read it", "chmod o-r "+d.config+", or keep secrets in ${file:...} and ${NAME}")
	}
	for _, path := range d.file.Brought {
		if open(path) {
			d.add(cli.Warn, "configuration", "everyone on this machine may read "+path, "chmod o-r "+path)
		}
	}
}

// open reports whether everyone on this machine may read a file.
func open(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o004 != 0
}
