// Loadgen drives a running daemon with simulated customers: it plays the
// vendors of all channels on loopback ports, writes the accounts that the
// daemon's configuration needs, lets customers write at a given rate, answers
// them through the API, and says how long everything took and whether anything
// was lost or doubled.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
)

// options is the command line.
type options struct {
	Daemon    string        `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the daemon listens (server.listen); a loopback address, and server.public_url is http://HOST:PORT"`
	Token     string        `env:"LOADGEN_TOKEN" required:"" help:"API token, made with: deskbridge token create"`
	Config    string        `placeholder:"FILE" help:"Write the channels that the daemon needs into this file; by default they are printed"`
	Channels  []string      `placeholder:"TYPE,..." help:"Types of channel: ${types}; by default all"`
	Customers int           `default:"20" help:"Customers on each channel"`
	Rate      float64       `default:"5" help:"Messages per second on each channel"`
	Duration  time.Duration `default:"30s" help:"How long customers write"`
	Answers   bool          `help:"Answer each message through the API"`
	Faults    bool          `help:"Let the vendors repeat and reorder, throttle, fail, lose acknowledgements and be deaf to ours"`
	Wait      time.Duration `default:"5m" help:"How long to wait for a daemon that has these channels"`
	Settle    time.Duration `default:"2m" help:"How long to wait at the end for what is under way"`
}

// Bounds of one run: all of it is kept in memory.
const (
	maxCustomers = 10_000
	maxRate      = 1000
	maxDuration  = time.Hour
	maxMessages  = 200_000
)

// Validate is called by the parser.
func (o *options) Validate() error {
	host, _, err := net.SplitHostPort(o.Daemon)
	if err != nil {
		return fmt.Errorf("--daemon: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return errors.New("--daemon must be a loopback address such as 127.0.0.1:8080: simulated vendors are no load for a machine elsewhere")
	}
	if len(o.Channels) == 0 {
		o.Channels = vendors.Types()
	}
	seen := map[string]bool{}
	for _, c := range o.Channels {
		if !slices.Contains(vendors.Types(), c) || seen[c] {
			return fmt.Errorf("--channels: %q is unknown or stands there twice", c)
		}
		seen[c] = true
	}
	switch {
	case o.Customers < 1 || o.Customers > maxCustomers:
		return fmt.Errorf("--customers must be from 1 to %d", maxCustomers)
	case o.Rate <= 0 || o.Rate > maxRate:
		return fmt.Errorf("--rate must be above 0 and at most %d", maxRate)
	case o.Duration <= 0 || o.Duration > maxDuration || o.Settle < 0 || o.Settle > maxDuration || o.Wait < 0 || o.Wait > maxDuration:
		return fmt.Errorf("times must be at most %s", maxDuration)
	case o.messages() > maxMessages:
		return fmt.Errorf("that makes %d messages; at most %d are kept track of", o.messages(), maxMessages)
	}
	return nil
}

// perChannel is how many messages are written on each channel.
func (o *options) perChannel() int { return max(1, int(o.Rate*o.Duration.Seconds())) }

func (o *options) messages() int { return o.perChannel() * len(o.Channels) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code: 1 where something
// was lost or doubled, or nothing could be measured; 2 for wrong usage.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var o options
	parser, err := kong.New(&o, kong.Name("loadgen"), kong.Writers(out, errOut), kong.Vars{"types": strings.Join(vendors.Types(), ", ")},
		kong.Description("Drives a running daemon with simulated customers on all channels, and reports."))
	if err != nil {
		panic(err) // a mistake in the grammar
	}
	helped := false
	parser.Exit = func(int) { helped = true } // --help
	_, err = parser.Parse(args)
	switch {
	case helped:
		return 0
	case err != nil:
		fmt.Fprintln(errOut, "loadgen: "+err.Error())
		return 2
	}
	if err := drive(ctx, o, out); err != nil {
		fmt.Fprintln(errOut, "loadgen: "+err.Error())
		return 1
	}
	return 0
}
