package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/internal/app"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/store/media"
)

// setup is what commands work on beside a daemon, whether it runs or not.
type setup struct {
	file  *configs.File
	db    *store.DB
	files *media.Dir
	app   *app.App // withAccounts only
}

const closePatience = 10 * time.Second

// load reads the configuration.
func (e *env) load() (*configs.File, error) {
	f, err := configs.Load(e.config, app.Types())
	if err != nil {
		return nil, usageError{err}
	}
	return f, nil
}

// withStore runs f on the store and the media folder of the configuration.
func (e *env) withStore(f func(*setup) error) (err error) {
	file, err := e.load()
	if err != nil {
		return err
	}
	db, files, err := app.OpenStore(e.ctx, file, e.quiet())
	if err != nil {
		return err
	}
	defer func() {
		ctx, stop := context.WithTimeout(context.WithoutCancel(e.ctx), closePatience)
		defer stop()
		err = errors.Join(err, files.Close(), db.Close(ctx))
	}()
	return f(&setup{file: file, db: db, files: files})
}

// withAccounts runs f with the accounts opened as well.
func (e *env) withAccounts(f func(*setup) error) error {
	file, err := e.load()
	if err != nil {
		return err
	}
	a, err := app.Attach(e.ctx, file, app.Options{Log: e.quiet(), Version: version()})
	if err != nil {
		return err
	}
	defer a.Close()
	return f(&setup{file: file, db: a.Store(), app: a})
}

// quiet logs what a command cannot put into its error, on standard error.
func (e *env) quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelError}))
}
