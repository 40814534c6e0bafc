package app

import (
	"context"
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells the service manager how we are; without one it does nothing.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the service manager cannot be told", "err", err)
	}
}

// watchdog pats the service manager's watchdog until ctx ends, as long as turn
// comes back: the daemon's own loops are not stuck. A store or a vendor that is
// away is no reason for a restart, which would not bring it back.
func watchdog(ctx context.Context, log *slog.Logger, turn func()) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	for pause(ctx, interval/3) {
		turn()
		notify(log, daemon.SdNotifyWatchdog)
	}
}
