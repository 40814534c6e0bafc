package tencent

import (
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

// Verdict is what an errcode means: what has to happen next, and plain words
// for an agent or an administrator.
type Verdict struct {
	Class connectors.Class
	Words string
	// RetryAfter is how long to wait where the code implies it.
	RetryAfter time.Duration
	// Closed: the customer has to write first; see connectors.Error.
	Closed bool
}

// common are the codes that mean the same on every API of the vendor
// (developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html,
// developer.work.weixin.qq.com/document/path/90313).
var common = map[int]Verdict{
	-1:    {Class: connectors.Transient, Words: "the vendor is busy"},
	40001: {Class: connectors.AccountDown, Words: "the vendor refuses our access token or the secret; compare the secret with the vendor's console"},
	40013: {Class: connectors.AccountDown, Words: "the vendor knows no account of the configured id"},
	40014: {Class: connectors.AccountDown, Words: "the vendor refuses our access token; compare the secret with the vendor's console"},
	40125: {Class: connectors.AccountDown, Words: "the configured secret is wrong"},
	40164: {Class: connectors.AccountDown, Words: "the address of this machine is not on the vendor's list of allowed IP addresses; add it in the console"},
	41001: {Class: connectors.AccountDown, Words: "the access token is missing"},
	41004: {Class: connectors.AccountDown, Words: "the secret is missing"},
	42001: {Class: connectors.AccountDown, Words: "the access token ran out and a new one was refused too"},
	45009: {Class: connectors.AccountDown, Words: "the quota of API calls for today is used up; it is renewed at midnight, or by hand in the console"},
	45011: {Class: connectors.Throttled, Words: "the vendor asks to slow down", RetryAfter: time.Minute},
	48001: {Class: connectors.AccountDown, Words: "the account may not use this interface; check its permissions in the console"},
	48004: {Class: connectors.AccountDown, Words: "the vendor has blocked this interface for the account for breaking its rules"},
	50002: {Class: connectors.AccountDown, Words: "the vendor has restricted or banned the account"},
	60020: {Class: connectors.AccountDown, Words: "the address of this machine is not on the list of trusted IP addresses; add it in the console"},
}

// refusedToken are the codes after which a new token is worth one more try.
var refusedToken = map[int]bool{40001: true, 40014: true, 42001: true, 40082: true}
