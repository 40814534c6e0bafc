// Package outbox is durable work in both directions: what is to be sent to the
// channels and what is to be told the helpdesks.
//
// # Promises
//
// Nothing is sent twice: a claim has a fence, Begin is committed before the
// request that cannot be taken back, and what is interrupted after it is
// uncertain and not repeated, unless the vendor recognises repeats. Nothing is
// lost: a job leaves its queue by an outcome only, and a result that cannot be
// recorded is held on to until it can. Nothing waits for what it need not:
// order is kept within one conversation, accounts are worked one by one, and
// an account that is out of order is probed by one job at a time.
//
// # Parts
//
// A Dispatcher claims jobs and has its Worker do them. The Worker knows the
// connector and reports a Result. The Policy turns that into a Settlement,
// which the Store commits. The gate decides when an account is left alone.
package outbox
