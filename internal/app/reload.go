package app

import (
	"context"
	"fmt"
	"reflect"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/deskbridge/deskbridge/configs"
)

// Reload takes up a changed configuration without losing anything: accounts
// are added, removed and reopened, those without a change go on undisturbed.
// What the listeners, the store and the media folder are needs a restart; a
// change of it is logged and not taken up.
func (a *App) Reload(ctx context.Context, f *configs.File) error {
	notify(a.log, fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, monotonic()))
	defer notify(a.log, daemon.SdNotifyReady)
	old := a.file.Load()
	if !reflect.DeepEqual(old.Server, f.Server) || old.Store != f.Store || old.Media != f.Media {
		a.log.Warn("server, store and media are taken up by a restart only; the rest of the new configuration applies now")
	}
	next := *f
	next.Server, next.Store = old.Server, old.Store
	if err := a.configure(ctx, &next); err != nil {
		return fmt.Errorf("the old configuration stays in force: %w", err)
	}
	a.log.Info("configuration reloaded", "accounts", a.summary())
	return nil
}

// monotonic is the time that the service manager orders notifications by.
func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return ts.Nano() / 1000
}
