package main

import (
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/internal/app"
)

type serveCmd struct{}

func (c *serveCmd) Run(e *env) error {
	// From the first moment, since the signal's usual effect is the end.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)

	file, err := e.load()
	if err != nil {
		return err
	}
	var level slog.LevelVar
	log := logger(e.err, file.Log, &level)
	slog.SetDefault(log)
	a, err := app.New(e.ctx, file, app.Options{Log: log, Version: version()})
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-hangup:
				reload(e, a, log, &level)
			case <-stop:
				return
			}
		}
	}()
	return a.Run(e.ctx)
}

// reload takes up the configuration as it is now. One that cannot be used
// changes nothing.
func reload(e *env, a *app.App, log *slog.Logger, level *slog.LevelVar) {
	file, err := e.load()
	if err == nil {
		err = a.Reload(e.ctx, file)
	}
	if err != nil {
		log.Error("the new configuration is not taken up", "err", err)
		return
	}
	level.Set(levelOf(file.Log))
}

// logger writes as the configuration says, from level on.
func logger(w io.Writer, c configs.Log, level *slog.LevelVar) *slog.Logger {
	level.Set(levelOf(c))
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	opts.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration {
			a.Value = slog.StringValue(a.Value.Duration().String()) // with its unit
		}
		return a
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

// levelOf returns the level of a checked configuration.
func levelOf(c configs.Log) (l slog.Level) {
	if err := l.UnmarshalText([]byte(c.Level)); err != nil {
		return slog.LevelInfo
	}
	return l
}
