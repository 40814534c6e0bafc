package cli

import (
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// mark is the sign and the colour of a status or outcome.
type mark struct {
	sign  string
	color style
}

var statusMarks = map[normalize.Status]mark{
	normalize.StatusPending:   {"○", yellow},
	normalize.StatusReceived:  {"·", dim},
	normalize.StatusQueued:    {"○", yellow},
	normalize.StatusSending:   {"◌", yellow},
	normalize.StatusAccepted:  {"✓", green},
	normalize.StatusDelivered: {"✓", green},
	normalize.StatusRead:      {"✓", green},
	normalize.StatusFailed:    {"✗", red},
	normalize.StatusUncertain: {"?", red},
}

var stateMarks = map[outbox.State]mark{
	outbox.Queued:    {"○", yellow},
	outbox.Sending:   {"◌", yellow},
	outbox.Done:      {"✓", green},
	outbox.Failed:    {"✗", red},
	outbox.Uncertain: {"?", red},
	outbox.Cancelled: {"-", dim},
	outbox.Expired:   {"✗", red},
}

var outcomeMarks = map[normalize.Outcome]mark{
	normalize.Accepted:    {"✓", green},
	normalize.Duplicate:   {"·", dim},
	normalize.Echo:        {"·", dim},
	normalize.Disregarded: {"·", dim},
	normalize.Waiting:     {"○", yellow},
	normalize.Quarantined: {"✗", red},
}
