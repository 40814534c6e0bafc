// Deskbridge carries customers' messages from their channels to a helpdesk and
// the agents' answers back. This is its one binary; each subcommand has a file.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/internal/cli"
)

// commands is the grammar of the command line. Help texts end without a full
// stop; docs/commands.md is made from them.
type commands struct {
	Config string `short:"c" placeholder:"FILE" env:"DESKBRIDGE_CONFIG" default:"/etc/deskbridge/deskbridge.yaml" help:"The configuration file"`
	UTC    bool   `name:"utc" help:"Show times in UTC instead of the local zone"`

	Short kong.VersionFlag `name:"version" help:"Show the version"`

	Serve     serveCmd     `cmd:"" help:"Run the daemon until SIGTERM or SIGINT; SIGHUP reloads the configuration"`
	Demo      demoCmd      `cmd:"" help:"Show the whole product with no account and no configuration, against simulated vendors"`
	Check     configCmd    `cmd:"" name:"config" help:"Check configuration files, and show what can stand in them"`
	Doctor    doctorCmd    `cmd:"" help:"Check everything the daemon needs, and say what to mend"`
	Login     loginCmd     `cmd:"" help:"Give Deskbridge access to an account with OAuth, by the consent of its owner in a browser"`
	Customers customersCmd `cmd:"" help:"Customers and their addresses"`
	Timeline  timelineCmd  `cmd:"" help:"Show one customer's timeline, the newest message last"`
	Send      sendCmd      `cmd:"" help:"Queue a message to a customer"`
	Outbox    outboxCmd    `cmd:"" help:"The durable work: answers to channels, events to helpdesks"`
	Helpdesk  helpdeskCmd  `cmd:"" help:"Load history into helpdesks, and compare them"`
	Ledger    ledgerCmd    `cmd:"" help:"Every input and what became of it"`
	Explain   explainCmd   `cmd:"" help:"Show the whole life of one message"`
	DB        dbCmd        `cmd:"" name:"db" help:"The store"`
	Token     tokenCmd     `cmd:"" help:"API tokens"`
	Password  passwordCmd  `cmd:"" help:"Read a password and print its hash, for a user of the inbox"`
	Version   versionCmd   `cmd:"" help:"Show version, commit and schema version"`
}

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // wrong usage or configuration
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// After the first signal the usual effect of a second one is restored: it
	// ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	var c commands
	parser, err := newParser(&c, out, errOut)
	if err != nil {
		panic(err) // a mistake in the grammar
	}
	helped := false
	parser.Exit = func(int) { helped = true } // --help
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help") // as many programs take it
	}
	parsed, err := parser.Parse(args)
	if helped {
		return exitDone
	}
	if err == nil {
		err = parsed.Run(newEnv(ctx, &c, in, out, errOut))
	} else {
		err = badUsage("%w (%s --help says more)", err, commandOf(err))
	}
	return report(errOut, err)
}

// commandOf returns as much of a wrong command line as names a command.
func commandOf(err error) string {
	if wrong, ok := errors.AsType[*kong.ParseError](err); ok && wrong.Context != nil {
		if node := wrong.Context.Selected(); node != nil {
			return "deskbridge " + node.Path()
		}
	}
	return "deskbridge"
}

func newParser(c *commands, out, errOut io.Writer) (*kong.Kong, error) {
	return kong.New(c, kong.Name("deskbridge"), kong.Writers(out, errOut), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Vars{"version": "deskbridge " + version()},
		kong.Description("One timeline per customer over all channels, between the customers and your helpdesk."))
}

// report says what is wrong on one line, and returns the exit code for it.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	code := exitFailed
	if _, ok := errors.AsType[usageError](err); ok {
		code = exitUsage
	}
	if problems, ok := errors.AsType[configs.Problems](err); ok {
		for _, p := range problems {
			fmt.Fprintln(w, cli.Line(p.String()))
		}
		return code
	}
	if !errors.Is(err, errReported) {
		fmt.Fprintln(w, "deskbridge: "+cli.Line(err.Error()))
	}
	return code
}
