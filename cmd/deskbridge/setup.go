package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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

// absent reports that a store was never made.
func absent(ctx context.Context, f *configs.File) bool {
	st, err := store.Status(ctx, f.Store.URL.Reveal())
	return errors.Is(err, fs.ErrNotExist) || err == nil && st.Schema == 0
}

// loadExisting reads the configuration of a store that is there. A command
// that only looks makes none: it would look into an empty one, which belongs to
// the wrong user besides.
func (e *env) loadExisting() (*configs.File, error) {
	file, err := e.load()
	if err == nil && absent(e.ctx, file) {
		return nil, fmt.Errorf("the store does not exist yet: deskbridge serve makes it at its first start; if it has run, check store.url in %s", e.config)
	}
	return file, err
}

// withStore runs f on the store and the media folder of the configuration.
func (e *env) withStore(f func(*setup) error) (err error) {
	file, err := e.loadExisting()
	if err != nil {
		return err
	}
	return e.onStore(file, f)
}

// withNewStore is withStore for what can stand before the daemon's first start.
func (e *env) withNewStore(f func(*setup) error) error {
	file, err := e.load()
	if err != nil {
		return err
	}
	return e.onStore(file, f)
}

func (e *env) onStore(file *configs.File, f func(*setup) error) (err error) {
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
	file, err := e.loadExisting()
	if err != nil {
		return err
	}
	return e.onAccounts(file, f)
}

// withNewAccounts is withAccounts for what can stand before the daemon's first
// start.
func (e *env) withNewAccounts(f func(*setup) error) error {
	file, err := e.load()
	if err != nil {
		return err
	}
	return e.onAccounts(file, f)
}

func (e *env) onAccounts(file *configs.File, f func(*setup) error) error {
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
