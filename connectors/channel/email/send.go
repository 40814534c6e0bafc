package email

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-smtp"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// Send makes one SMTP transaction.
//
// The point of no return is the final dot of DATA: a server that has not seen
// it must forget the mail (RFC 5321 section 4.1.1.4), one that has may keep it
// even when its answer gets lost. So the body is streamed first, Begin is
// called when only the dot is missing, and after that only a reply of the
// server is certain.
func (e *Email) Send(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	sent := channel.Sent{ExternalID: o.Message.ExternalID}
	size, err := e.composedSize(ctx, o)
	if err != nil {
		return sent, before(err)
	}
	if size > maxOutgoing*11/10 {
		return sent, connectors.Errorf(connectors.Rejected, "too_large", "the mail has %d bytes, which mail servers do not take", size)
	}
	c, err := e.dialSMTP(ctx)
	if err != nil {
		return sent, before(err)
	}
	accepted, err := e.transmit(ctx, c, o, size, &sent)
	if err != nil {
		c.close()
		// Those who were named successfully got nothing after all.
		sent.Recipients = slices.DeleteFunc(sent.Recipients, func(r channel.RecipientResult) bool { return r.Err == nil })
		return sent, err
	}
	sent.Detail = text.Truncate(accepted, 200)
	c.quit(ctx)
	return sent, nil
}

// transmit goes through MAIL, RCPT and DATA, and returns what the server says
// to the whole. It fills in sent.Recipients on the way.
func (e *Email) transmit(ctx context.Context, c *smtpConn, o *channel.Outbound, size int64, sent *channel.Sent) (string, error) {
	if err := e.mailFrom(ctx, c, o, size); err != nil {
		return "", err
	}
	if err := c.recipients(ctx, o.Recipients, sent); err != nil {
		return "", err
	}
	var w *smtp.DataCommand
	if err := c.do(ctx, func() (err error) {
		w, err = c.client.Data()
		return err
	}); err != nil {
		return "", smtpTrouble("data", err)
	}
	// Each single write has a time limit, by the connection.
	err := c.conn.Stalling(ctx, c.limits.stall, func(progress func()) error {
		b := bufio.NewWriterSize(progressWriter{w, progress}, 32<<10)
		if err := e.compose(ctx, b, o); err != nil {
			return err
		}
		return b.Flush()
	})
	if err != nil {
		return "", before(err)
	}
	if err := o.Begin(ctx); err != nil {
		return "", before(err)
	}
	var response *smtp.DataResponse
	err = c.conn.Within(ctx, c.limits.accept, func() (err error) {
		c.client.SubmissionTimeout = c.limits.accept
		response, err = w.CloseWithResponse()
		return err
	})
	var status *smtp.SMTPError
	switch {
	case err == nil:
		return response.StatusText, nil
	case errors.As(err, &status):
		return "", smtpTrouble("data", err)
	}
	return "", connectors.Errorf(connectors.Ambiguous, "", "the server did not confirm the mail, it may have taken it: %w", err)
}

// mailFrom opens the transaction. Where the server reports on delivery (RFC
// 3461), reports will name the Message-ID as the envelope.
func (e *Email) mailFrom(ctx context.Context, c *smtpConn, o *channel.Outbound, size int64) error {
	options := &smtp.MailOptions{Size: size, Return: smtp.DSNReturnHeaders}
	if id := o.Message.ExternalID; len(id) <= 100 && isASCIIText(id) {
		options.EnvelopeID = id
	}
	from := envelope(e.cfg.Address)
	options.UTF8 = !isASCIIText(from)
	for _, a := range o.Recipients {
		options.UTF8 = options.UTF8 || !isASCIIText(envelope(a.Value))
	}
	if ok, _ := c.client.Extension("SMTPUTF8"); options.UTF8 && !ok {
		return connectors.Errorf(connectors.Rejected, "", "the mail server does not take addresses with letters beyond ASCII")
	}
	if o.Message.Automated {
		// Nobody is to answer an automatic answer, a bounce neither (RFC 3834
		// section 3.3). Some submission servers want a sender all the same.
		err := c.do(ctx, func() error { return c.client.Mail("", options) })
		if status, refused := errors.AsType[*smtp.SMTPError](err); !refused || status.Code < 500 {
			return senderTrouble(err)
		}
	}
	return senderTrouble(c.do(ctx, func() error { return c.client.Mail(from, options) }))
}

func senderTrouble(err error) error {
	if err == nil {
		return nil
	}
	return smtpTrouble("sender", err)
}

// recipients names each recipient and notes what the server says. It fails
// only when nobody is left.
func (c *smtpConn) recipients(ctx context.Context, list []normalize.Address, sent *channel.Sent) error {
	notify := &smtp.RcptOptions{Notify: []smtp.DSNNotify{smtp.DSNNotifyFailure, smtp.DSNNotifyDelayed}}
	var worst *connectors.Error
	taken := 0
	for _, a := range list {
		result := channel.RecipientResult{Address: a}
		if !validMailbox(a.Value) {
			result.Err = connectors.Errorf(connectors.Rejected, "", "%q is not an e-mail address", a.Value)
		} else if err := c.do(ctx, func() error { return c.client.Rcpt(envelope(a.Value), notify) }); err != nil {
			var status *smtp.SMTPError
			if !errors.As(err, &status) || status.Code == 421 {
				return smtpTrouble("recipient", err) // the connection is gone
			}
			result.Err = smtpTrouble("recipient", err)
		}
		sent.Recipients = append(sent.Recipients, result)
		if result.Err == nil {
			taken++
		} else if worst == nil || severity[result.Err.Class] > severity[worst.Class] {
			worst = result.Err
		}
	}
	switch {
	case taken > 0:
		return nil
	case worst == nil:
		return connectors.Errorf(connectors.Rejected, "", "the message has no recipient")
	}
	return worst
}

// before gives an error from before the final dot its class: surely not sent.
func before(err error) error {
	if _, known := errors.AsType[*connectors.Error](err); known {
		return err
	}
	if _, replied := errors.AsType[*smtp.SMTPError](err); replied {
		return smtpTrouble("data", err)
	}
	return connectors.Errorf(connectors.Transient, "", "%w", fmt.Errorf("not sent: %w", err))
}

type progressWriter struct {
	w        *smtp.DataCommand
	progress func()
}

func (p progressWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.progress()
	return n, err
}
