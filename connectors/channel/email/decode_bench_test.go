package email

import (
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/normalize"
)

// BenchmarkDecode decodes a letter, plain and with an HTML version.
func BenchmarkDecode(b *testing.B) {
	e := open(b, plainConfig(b, "127.0.0.1:143", "127.0.0.1:25"))
	const head = "Return-Path: <anna@customers.test>\r\nReceived: from mx.customers.test by mx.example.test; Sat, 21 Nov 2026 09:12:00 +0000\r\n" +
		"From: Anna M\u00fcller <anna@customers.test>\r\nTo: Support <" + desk + ">\r\nDate: Sat, 21 Nov 2026 09:12:00 +0000\r\nMessage-ID: <m2@customers.test>\r\n" +
		"In-Reply-To: <m1@customers.test>\r\nReferences: <m1@customers.test>\r\nSubject: Re: Order 17\r\nMIME-Version: 1.0\r\n"
	words := strings.Repeat("The lamp of order DE-104711 arrived on Monday, but its shade was cracked. Could you send me another one to Frau M\u00fcller?\r\n\r\n", 20)
	plain := "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + words + "\r\n"
	rich := "Content-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>" + words + "</p></body></html>\r\n"
	for name, raw := range map[string]string{
		"plain": head + plain,
		"html":  head + "Content-Type: multipart/alternative; boundary=\"=_alt\"\r\n\r\n--=_alt\r\n" + plain + "--=_alt\r\n" + rich + "--=_alt--\r\n",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := e.Decode(normalize.Input{Raw: []byte(raw), ReceivedAt: now}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
