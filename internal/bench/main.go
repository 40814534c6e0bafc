// Command bench measures the goals of docs/performance.md on this machine, as
// ratios to bare limits that are measured in the same run, in alternating
// rounds. It checks the rows of each store that it measured with.
//
//	go run ./internal/bench [-goal 1,mail,ack] [-mails N] [-quick | -full] [-engine sqlite,postgres] [-json]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if runChild() {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// goal is one measurement.
type goal struct {
	numbers []int // of the goals that it decides
	engines []string
	run     func(l *lab, ctx context.Context, engine string) ([]Result, error)
}

var (
	onSQLite = []string{sqliteEngine}
	onBoth   = []string{sqliteEngine, postgresEngine}
	goals    = []goal{
		{[]int{1, 2, 5}, onBoth, (*lab).ingest},
		{[]int{4}, onSQLite, (*lab).growthGoal},
		{[]int{7}, onBoth, (*lab).claimGoal},
		{[]int{9}, onSQLite, (*lab).crashGoal},
		{[]int{10}, onSQLite, (*lab).memoryGoal},
		{[]int{11}, onBoth, (*lab).sizeGoal},
		{[]int{mailGoal}, onSQLite, (*lab).mailGoals},
		{[]int{ackGoal}, onBoth, (*lab).ackGoals},
	}
)

// options are the command line.
type options struct {
	sizes   sizes
	goals   []int
	engines []string
	dir     string
	profile string
	json    bool
	verbose bool
}

func parse(args []string, errs io.Writer) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(errs)
	isQuick := f.Bool("quick", false, "tiny sizes: shows that the bench works, measures nothing")
	isFull := f.Bool("full", false, "the sizes that the goals ask for, up to a million messages")
	list := f.String("goal", "", "numbers of goals, mail or ack, with commas; all by default")
	engines := f.String("engine", strings.Join(onBoth, ","), "stores to measure with; postgres starts a private server and is left out where none is installed")
	mails := f.Int("mails", 0, "mails in the mailbox that is caught up; 0 for what the sizes say")
	f.StringVar(&o.dir, "dir", "", "a folder on the disk to measure; the one for temporary files by default")
	f.StringVar(&o.profile, "cpuprofile", "", "write CPU profiles of the first bare and the first HTTP run at 64, and of the first mailbox, to files whose names begin so")
	f.BoolVar(&o.json, "json", false, "print JSON instead of a table")
	f.BoolVar(&o.verbose, "v", false, "print each round to standard error")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.sizes = standard
	switch {
	case *isQuick && *isFull, f.NArg() > 0:
		return o, fmt.Errorf("one of -quick and -full, and nothing but flags")
	case *isQuick:
		o.sizes = quick
	case *isFull:
		o.sizes = full
	}
	switch {
	case *mails < 0, *mails > 0 && *mails < 10:
		return o, fmt.Errorf("-mails %d: at least 10 are needed", *mails)
	case *mails > 0:
		o.sizes.mails, o.sizes.mailsScaled = *mails, fmt.Sprintf("%d mails instead of 20000", *mails)
	}
	for s := range strings.FieldsFuncSeq(*list, func(r rune) bool { return r == ',' }) {
		n, err := strconv.Atoi(s)
		for number, name := range goalNames {
			if s == name {
				n, err = number, nil
			}
		}
		if err != nil || !slices.ContainsFunc(goals, func(g goal) bool { return slices.Contains(g.numbers, n) }) {
			return o, fmt.Errorf("goal %q is not measured here", s)
		}
		o.goals = append(o.goals, n)
	}
	for e := range strings.FieldsFuncSeq(*engines, func(r rune) bool { return r == ',' }) {
		if !slices.Contains(onBoth, e) {
			return o, fmt.Errorf("engine %q is neither sqlite nor postgres", e)
		}
		o.engines = append(o.engines, e)
	}
	return o, nil
}

func (o options) wants(g goal) bool {
	return len(o.goals) == 0 || slices.ContainsFunc(g.numbers, func(n int) bool { return slices.Contains(o.goals, n) })
}

func run(ctx context.Context, args []string, out, errs io.Writer) (err error) {
	o, err := parse(args, errs)
	if err != nil {
		return err
	}
	verbose := func(format string, args ...any) {
		if o.verbose {
			fmt.Fprintf(errs, format+"\n", args...)
		}
	}
	l, err := newLab(o.sizes, o.dir, verbose)
	if err != nil {
		return err
	}
	l.profile = o.profile
	defer func() {
		if cerr := l.close(); err == nil {
			err = cerr
		}
	}()
	begun, busy := time.Now(), loadAverage()
	results, err := measure(ctx, l, o, errs)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(out).Encode(results)
	}
	fmt.Fprintf(out, "%s, %s sizes, %s, %s/%s, %d processors (%s), load average %s at the start, %d alternating rounds, took %v\n\n",
		begun.Format(time.DateOnly), o.sizes.name, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor(),
		busy, o.sizes.rounds, time.Since(begun).Round(time.Second))
	return printTable(out, results)
}

func measure(ctx context.Context, l *lab, o options, errs io.Writer) ([]Result, error) {
	results, err := l.limits(ctx)
	if err != nil {
		return nil, err
	}
	for _, engine := range o.engines {
		if engine == postgresEngine {
			if _, _, err := l.url(engine); err != nil {
				fmt.Fprintf(errs, "bench: NOT MEASURED: %v\n", err)
				continue
			}
		}
		for _, g := range goals {
			if !o.wants(g) || !slices.Contains(g.engines, engine) {
				continue
			}
			l.verbose("goal %v, %s", g.numbers, engine)
			got, err := g.run(l, ctx, engine)
			if err != nil {
				return nil, fmt.Errorf("goal %v, %s: %w", g.numbers, engine, err)
			}
			results = append(results, got...)
		}
	}
	slices.SortStableFunc(results, func(a, b Result) int { return a.Goal - b.Goal })
	return results, nil
}

// processor is the name of the processor, where the system tells it.
func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// loadAverage is how many others wanted the processors in the last minute:
// what is measured beside them is worth less.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(b), " ")
	return one
}
