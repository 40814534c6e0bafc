package main

import (
	"fmt"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/store"
)

type dbCmd struct {
	Migrate dbMigrateCmd `cmd:"" help:"Bring the store up to the schema of this version"`
	Status  dbStatusCmd  `cmd:"" help:"Show the engine, the schema and the size"`
	Backup  dbBackupCmd  `cmd:"" help:"Write a consistent copy of the store, also while the daemon runs"`
	Restore dbRestoreCmd `cmd:"" help:"Fill an empty store from a backup"`
}

type dbMigrateCmd struct{}

func (c *dbMigrateCmd) Run(e *env) error {
	return e.atStore(func(url string) error {
		if err := store.Migrate(e.ctx, url); err != nil {
			return err
		}
		e.say("the store has schema %d", store.SchemaVersion)
		return nil
	})
}

type dbStatusCmd struct {
	JSON bool `name:"json" help:"Write JSON"`
}

func (c *dbStatusCmd) Run(e *env) error {
	return e.atStore(func(url string) error {
		st, err := store.Status(e.ctx, url)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.json(st)
		}
		e.say("engine  %s\nschema  %d, this version works with %d\nsize    %s", st.Engine, st.Schema, st.Wanted, cli.Size(st.Bytes))
		switch {
		case st.Schema < st.Wanted:
			e.say("        run `deskbridge db migrate`")
		case st.Schema > st.Wanted:
			return store.ErrNewerSchema
		}
		return nil
	})
}

type dbBackupCmd struct {
	File string `arg:"" type:"path" help:"The file to write; it must not exist yet"`
}

func (c *dbBackupCmd) Run(e *env) error {
	return e.withStore(func(s *setup) error {
		if err := s.db.Backup(e.ctx, c.File); err != nil {
			return err
		}
		e.say("backup written to %s; copy the media folder as well", c.File)
		return nil
	})
}

type dbRestoreCmd struct {
	File string `arg:"" type:"existingfile" help:"A backup"`
}

func (c *dbRestoreCmd) Run(e *env) error {
	return e.atStore(func(url string) error {
		if err := store.Restore(e.ctx, url, c.File); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		e.say("the store is restored from %s", c.File)
		return nil
	})
}

// atStore runs f with the address of the store, which is not opened.
func (e *env) atStore(f func(url string) error) error {
	file, err := e.load()
	if err != nil {
		return err
	}
	return f(file.Store.URL.Reveal())
}
