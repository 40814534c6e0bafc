package wechat

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// callFaults are how the next calls go wrong.
type callFaults struct{ deaf, double int }

// Deaf lets the vendor not hear the answers to the next n attempts, so that it
// calls again.
func (v *Vendor) Deaf(n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls.deaf += n
}

// Double lets the vendor make the next n calls twice.
func (v *Vendor) Double(n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls.double += n
}

// Hold keeps the calls back that come from now on; Say and Happen return at
// once.
func (v *Vendor) Hold() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holding = true
}

// Release makes the calls that were kept back, the last one first where
// reversed, and returns when all are made.
func (v *Vendor) Release(reversed bool) {
	v.mu.Lock()
	held := v.held
	v.held, v.holding = nil, false
	v.mu.Unlock()
	if reversed {
		slices.Reverse(held)
	}
	for _, call := range held {
		call()
	}
}

// call hands a document to the callback until that says success, four times at
// most. Its error is what the last attempt met.
func (v *Vendor) call(ctx context.Context, fields []string, extra string) error {
	doc := write(fields, extra)
	v.mu.Lock()
	if v.holding {
		v.held = append(v.held, func() { _ = v.deliver(ctx, doc) })
		v.mu.Unlock()
		return nil
	}
	twice := v.calls.double > 0
	if twice {
		v.calls.double--
	}
	v.mu.Unlock()
	if twice {
		if err := v.deliver(ctx, doc); err != nil {
			return err
		}
	}
	return v.deliver(ctx, doc)
}

func (v *Vendor) deliver(ctx context.Context, doc []byte) error {
	for attempt := 0; ; attempt++ {
		err := v.attempt(ctx, doc)
		if err == nil || attempt == v.o.Repeats || ctx.Err() != nil {
			return err
		}
		t := time.NewTimer(v.o.Repeat)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
	}
}

func (v *Vendor) attempt(ctx context.Context, doc []byte) error {
	ctx, cancel := context.WithTimeout(ctx, v.o.Patience)
	defer cancel()
	req, err := v.Request(ctx, doc)
	if err != nil {
		return err
	}
	res, err := v.Client.Do(req)
	if err != nil {
		return fmt.Errorf("the callback does not answer: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("the callback does not answer: %w", err)
	}
	v.mu.Lock()
	deaf := v.calls.deaf > 0
	if deaf {
		v.calls.deaf--
	}
	v.mu.Unlock()
	switch {
	case deaf:
		return fmt.Errorf("the answer was not heard")
	case res.StatusCode != http.StatusOK || len(body) > 0 && string(body) != "success":
		return fmt.Errorf("the callback answered %d %.100q", res.StatusCode, body)
	}
	return nil
}

// Request makes the call that brings a document, signed now.
func (v *Vendor) Request(ctx context.Context, doc []byte) (*http.Request, error) {
	body, query, err := v.Seal(doc)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	address := v.o.Callback
	v.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "text/xml")
	return req, nil
}

// Seal returns the body and the query of the call that brings a document, in
// the account's mode.
func (v *Vendor) Seal(doc []byte) (body []byte, query url.Values, err error) {
	now := v.o.Now()
	if v.o.Encryption == Plain {
		return doc, v.signer.Sign(now), nil
	}
	ciphertext, query, err := v.signer.Seal(doc, now)
	if err != nil {
		return nil, nil, err
	}
	query.Set("encrypt_type", "aes")
	encrypt := "<Encrypt><![CDATA[" + ciphertext + "]]></Encrypt>"
	if v.o.Encryption == Compatible {
		// What is readable stands beside what is signed.
		return bytes.Replace(doc, []byte("</xml>"), []byte(encrypt+"</xml>"), 1), query, nil
	}
	return []byte("<xml><ToUserName><![CDATA[gh_simulated]]></ToUserName>" + encrypt + "</xml>"), query, nil
}

// Verify calls the callback as the console does when its address is entered,
// and fails where it does not repeat the echostr.
func (v *Vendor) Verify(ctx context.Context) error {
	query := v.signer.Sign(v.o.Now())
	const echo = "5837492735027412"
	query.Set("echostr", echo)
	v.mu.Lock()
	address := v.o.Callback
	v.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	res, err := v.Client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	switch {
	case err != nil:
		return err
	case res.StatusCode != http.StatusOK || string(body) != echo:
		return fmt.Errorf("the callback answered %d %.100q", res.StatusCode, body)
	}
	return nil
}

// Sign returns the query of a call without content, as the console makes it.
func (v *Vendor) Sign() url.Values { return v.signer.Sign(v.o.Now()) }
