// Package e2e tests the daemon as a whole: the real binary between simulated
// vendors or a real mail system and a helpdesk that receives webhooks, on both
// stores, with faults.
package e2e
