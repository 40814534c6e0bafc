package helpdesktest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
)

// publicURL is what products call in the tests.
const publicURL = "https://support.example.com"

// Deps are what a helpdesk of this type is opened with: real connections, which
// end with the test, and no log.
func Deps(t testing.TB, kind string) connectors.Deps {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return connectors.Deps{
		Account: normalize.Account{Name: desk, Type: kind}, Log: slog.New(slog.DiscardHandler), HTTP: client, Guarded: client,
		Clock: connectors.SystemClock{}, PublicURL: publicURL, Key: bytes.Repeat([]byte{1}, 32), MaxMedia: 25 << 20,
	}
}

// Nowhere is an address at which nobody listens.
func Nowhere(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return "http://" + l.Addr().String()
}

// Number is the id of a ticket where ids are numbers.
func Number(t testing.TB, id string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		t.Fatalf("%q is no number of a ticket", id)
	}
	return n
}

// Call is a call of the product that comes now.
func Call(header http.Header, body []byte) *connectors.Request {
	return &connectors.Request{Method: http.MethodPost, URL: publicURL + "/webhooks/" + desk, Header: header, Body: body, ReceivedAt: time.Now().UTC()}
}

// Class is that of an error of a connector.
func Class(t testing.TB, err error) connectors.Class {
	t.Helper()
	e, ok := errors.AsType[*connectors.Error](err)
	if !ok {
		t.Fatalf("no *connectors.Error: %v", err)
	}
	return e.Class
}

// Draft is the ticket of Ann Lee, who wrote by Telegram; the first entry is
// hers where it does not say otherwise.
func Draft(tag string, first helpdesk.Entry) *helpdesk.Draft {
	first.Tag, first.Kind = cmp.Or(first.Tag, "m1"), cmp.Or(first.Kind, helpdesk.FromCustomer)
	first.Author, first.Heading = "Ann Lee", "Ann Lee wrote by tg"
	if first.Message == nil {
		first.Message = &normalize.Message{ID: 1, Direction: normalize.Inbound}
	}
	if first.At.IsZero() {
		first.At = time.Now()
	}
	phone, mail := normalize.Address{Kind: "phone", Value: "+15550100"}, normalize.Address{Kind: "email", Value: "ann@example.com"}
	return &helpdesk.Draft{
		Tag: tag, Subject: "Parcel", First: &first, Facts: []helpdesk.Fact{{Name: "Address", Value: phone.Value}, {Name: "Also known as", Value: mail.Value}},
		Conversation: &normalize.Conversation{
			ID: 2, Channel: normalize.Account{Name: "tg", Type: "telegram"}, Address: phone,
			Customer: &normalize.Customer{ID: 3, Name: "Ann Lee", Addresses: []normalize.Address{mail}},
		},
	}
}

// Further is an entry of a ticket that exists.
func Further(kind helpdesk.EntryKind, tag, words string) *helpdesk.Entry {
	return &helpdesk.Entry{Tag: tag, Kind: kind, Author: "Ann Lee", Message: &normalize.Message{}, Heading: "Heading of " + tag, Text: words, At: time.Now()}
}

// File is a file of an entry.
func File(name, contentType, content string) helpdesk.Attachment {
	return helpdesk.Attachment{
		Media: &normalize.Media{Name: name, ContentType: contentType, Size: int64(len(content))}, Link: "https://files.example/" + name,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
	}
}
