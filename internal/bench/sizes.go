package main

// sizes is how much is measured with.
type sizes struct {
	name     string
	rounds   int // alternating, of which the median counts
	messages int // of one run at 64 and at 256 at once
	single   int // of one run one at a time
	stored   int // for the size of the store

	growth int // messages in the store at the end

	claimSmall, claimLarge, hot int // forward jobs; hot are those of one conversation
	claims                      int // of one run

	pending            int // forward jobs when the process is killed
	fullLog            int64
	warm, more         int // messages before, and while, memory is measured
	mailAccounts       int
	idle               int // seconds
	flushes, noWork    int
	killRounds         int
	queued, acks       int // messages that wait, and calls of each vendor that are timed
	ackScaled          string
	mails              int // in the large mailbox; the small one has half of them
	mailRounds         int
	mailsScaled        string
	growthScaled       string
	claimScaled        string
	pendingScaled      string
	memoryScaled       string
	mailAccountsScaled string
}

// The sizes to choose from. quick shows that the bench works and measures
// nothing; full is what the goals ask for.
var (
	quick = sizes{
		name: "quick", rounds: 1, messages: 256, single: 20, stored: 200,
		growth: 500, claimSmall: 200, claimLarge: 400, hot: 40, claims: 4,
		pending: 500, warm: 100, more: 200, mailAccounts: 2, flushes: 5, noWork: 256, killRounds: 1, queued: 50, acks: 10, ackScaled: "50 messages", mails: 200, mailRounds: 1, mailsScaled: "200 mails",
		growthScaled: "500 messages", claimScaled: "200 and 400 jobs", pendingScaled: "500 jobs", memoryScaled: "200 messages", mailAccountsScaled: "2 accounts",
	}

	standard = sizes{
		name: "default", rounds: 5, messages: 10_000, single: 1_000, stored: 40_000,
		growth: 200_000, claimSmall: 20_000, claimLarge: 200_000, hot: 20_000, claims: 200,
		pending: 200_000, fullLog: 70 << 20, warm: 60_000, more: 100_000, mailAccounts: 8, idle: 5, flushes: 300, noWork: 40_000, killRounds: 3, queued: 10_000, acks: 1_000, mails: 20_000, mailRounds: 3,
		growthScaled:  "first and last 60k of 200k messages instead of 300k of 1M",
		claimScaled:   "200k jobs with a conversation of 20k against 20k, instead of 1M with 100k against 100k",
		pendingScaled: "200k pending instead of 1M",
		memoryScaled:  "100k pending instead of 1M",
	}

	full = sizes{
		name: "full", rounds: 5, messages: 20_000, single: 2_000, stored: 100_000,
		growth: 1_000_000, claimSmall: 100_000, claimLarge: 1_000_000, hot: 100_000, claims: 300,
		pending: 1_000_000, fullLog: 70 << 20, warm: 60_000, more: 1_000_000, mailAccounts: 8, idle: 30, flushes: 300, noWork: 40_000, killRounds: 3, queued: 10_000, acks: 1_000, mails: 20_000, mailRounds: 3,
	}
)
