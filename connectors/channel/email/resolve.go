package email

import (
	"bufio"
	"context"
	"errors"

	"github.com/emersion/go-imap/v2"

	"github.com/deskbridge/deskbridge/connectors/channel"
)

// Finish puts a copy of a sent mail into the mailbox for it. A copy that is
// there already is left alone, whoever put it there.
func (e *Email) Finish(ctx context.Context, o *channel.Outbound) error {
	mailbox := e.cfg.SMTP.SaveTo
	if mailbox == "" {
		return nil
	}
	size, err := e.composedSize(ctx, o)
	if err != nil {
		return before(err)
	}
	c, err := e.dialIMAP(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	exists, err := c.has(ctx, mailbox, o.Message.ExternalID)
	switch {
	case isMissing(err):
		if err := c.do(ctx, func() error { return c.client.Create(mailbox, nil).Wait() }); err != nil {
			return imapTrouble("mailbox "+mailbox, err)
		}
	case err != nil:
		return err
	case exists:
		c.logout(ctx)
		return nil
	}
	err = c.conn.Stalling(ctx, c.limits.stall, func(progress func()) error {
		cmd := c.client.Append(mailbox, size, &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen}, Time: composedAt(o.Message)})
		b := bufio.NewWriterSize(writerFunc(func(p []byte) (int, error) {
			progress()
			return cmd.Write(p)
		}), 32<<10)
		if err := e.compose(ctx, b, o); err != nil {
			// The promised bytes will not come, so the connection is of no
			// more use; the server drops the unfinished literal.
			_ = c.conn.Close()
			return err
		}
		if err := b.Flush(); err != nil {
			return err
		}
		if err := cmd.Close(); err != nil {
			return err
		}
		progress()
		_, err := cmd.Wait()
		return err
	})
	if err != nil {
		return imapTrouble("mailbox "+mailbox, err)
	}
	c.logout(ctx)
	return nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Resolve looks for the mail among the sent ones. A copy is only ever put
// there after the mail was accepted, by us or by a server that files what it
// takes; so one that is found was sent, and one that is not may have been.
func (e *Email) Resolve(ctx context.Context, o *channel.Outbound) (channel.Sent, bool, error) {
	c, err := e.dialIMAP(ctx)
	if err != nil {
		return channel.Sent{}, false, err
	}
	defer c.close()
	mailboxes, err := c.sentMailboxes(ctx, e.cfg.SMTP.SaveTo)
	if err != nil {
		return channel.Sent{}, false, err
	}
	for _, mailbox := range mailboxes {
		found, err := c.has(ctx, mailbox, o.Message.ExternalID)
		if isMissing(err) {
			continue
		}
		if err != nil {
			return channel.Sent{}, false, err
		}
		if found {
			c.logout(ctx)
			return channel.Sent{ExternalID: o.Message.ExternalID, Detail: "found in the mailbox " + mailbox}, true, nil
		}
	}
	c.logout(ctx)
	return channel.Sent{}, false, nil
}

// sentMailboxes are the configured one and that which the server marks as the
// place for sent mail (RFC 6154).
func (c *imapConn) sentMailboxes(ctx context.Context, configured string) ([]string, error) {
	var names []string
	if configured != "" {
		names = append(names, configured)
	}
	if !c.client.Caps().Has(imap.CapSpecialUse) {
		return names, nil
	}
	err := c.do(ctx, func() error {
		list, err := c.client.List("", "*", &imap.ListOptions{SelectSpecialUse: true, ReturnSpecialUse: true}).Collect()
		for _, m := range list {
			for _, a := range m.Attrs {
				if a == imap.MailboxAttrSent && m.Mailbox != configured {
					names = append(names, m.Mailbox)
				}
			}
		}
		return err
	})
	if err != nil && !answered(err) {
		return nil, imapTrouble("list", err)
	}
	return names, nil
}

// has reports whether a mailbox holds a mail with this Message-ID.
func (c *imapConn) has(ctx context.Context, mailbox, id string) (bool, error) {
	if _, err := c.examine(ctx, mailbox); err != nil {
		return false, err
	}
	set, err := c.search(ctx, &imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Message-ID", Value: id}}})
	return len(set) > 0, err
}

// isMissing reports whether a mailbox could not be opened because there is
// none of that name. Servers that do not know the codes of RFC 5530 just say
// no.
func isMissing(err error) bool {
	var status *imap.Error
	if !errors.As(err, &status) || status.Type != imap.StatusResponseTypeNo {
		return false
	}
	switch status.Code {
	case "", imap.ResponseCodeNonExistent, imap.ResponseCodeTryCreate, imap.ResponseCodeCannot:
		return true
	}
	return false
}
