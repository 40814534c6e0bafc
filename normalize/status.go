package normalize

import "time"

// Status says how far a part has come. On its way out a part climbs
//
//	queued < sending < accepted < delivered < read
//
// with two states beside the ladder: failed (it will not arrive unless someone
// retries) and uncertain (the vendor may have taken it; nobody knows yet).
type Status string

const (
	StatusPending   Status = "pending"  // inbound: its medium is still with the vendor
	StatusReceived  Status = "received" // inbound: it is here
	StatusQueued    Status = "queued"
	StatusSending   Status = "sending"
	StatusAccepted  Status = "accepted"  // the vendor has taken it over
	StatusDelivered Status = "delivered" // it reached the customer's device or mailbox
	StatusRead      Status = "read"
	StatusFailed    Status = "failed"
	StatusUncertain Status = "uncertain"
)

var statusRank = map[Status]int{
	StatusQueued: 1, StatusSending: 2, StatusUncertain: 3, StatusAccepted: 4,
	StatusFailed: 5, StatusDelivered: 6, StatusRead: 7,
}

// Advance returns the status of a part that had status cur and of which next
// was reported. Reports come late, twice and in any order, so the result is
// the larger of the two: a late "accepted" neither revives a failed part nor
// takes back "delivered", and proof of delivery outweighs a failure. Only a
// new attempt, asked for by a person, starts over: see Restart.
func Advance(cur, next Status) Status {
	if statusRank[next] > statusRank[cur] {
		return next
	}
	return cur
}

var callRank = map[CallState]int{CallRinging: 1, CallMissed: 2, CallAnswered: 3, CallEnded: 4}

// AdvanceCall is Advance for the state of a call.
func AdvanceCall(cur, next CallState) CallState {
	if callRank[next] > callRank[cur] {
		return next
	}
	return cur
}

// Restart reports whether a person may ask for another attempt on a part of
// status s.
func Restart(s Status) bool { return s == StatusFailed || s == StatusUncertain }

// Receipt is word from a vendor on what became of a part. Where a message went
// to several recipients, a part has failed only when all of them did not get
// it; else it stands where the one stands who has come farthest, its Error
// names those who did not get it, and a retry goes to those alone.
type Receipt struct {
	// ExternalID is the vendor's id of what was sent; for e-mail the Message-ID.
	ExternalID string `json:"external_id,omitempty"`
	// PartID is set where the report carries our own id. With an ExternalID
	// beside it, the vendor's id of the part is learned from that.
	PartID ID `json:"part_id,omitzero"`
	// Recipient is set where the report is on one of several recipients. Final is
	// where their mail had been sent on to, by an alias for one; zero where it
	// ended with them.
	Recipient Address   `json:"recipient,omitzero"`
	Final     Address   `json:"final_recipient,omitzero"`
	Status    Status    `json:"status"`
	Code      string    `json:"code,omitempty"`   // the vendor's, as written: "5.1.1", "21610"
	Detail    string    `json:"detail,omitempty"` // for people; never message text
	At        time.Time `json:"at,omitzero"`      // the vendor's time
	// ReceivedAt is our own time.
	ReceivedAt time.Time `json:"received_at,omitzero"`
	// Unreachable: the address itself is dead or has opted out.
	Unreachable bool `json:"unreachable,omitempty"`
}
