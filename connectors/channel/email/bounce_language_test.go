package email

import (
	"testing"

	"github.com/deskbridge/deskbridge/normalize"
)

// TestNoticesInManyLanguages: mail systems tell in the language of their
// customers who got nothing and why, some of them without any code.
func TestNoticesInManyLanguages(t *testing.T) {
	e := offline(t)
	id := e.mint.id()
	for _, tc := range []struct {
		name, from, subject, words, code string
		dead                             bool
	}{
		{"James", "postmaster@mx.test", "[BOUNCE]", "I wasn't able to deliver your message to one or more addresses.\n\nFailed recipient(s):\ngone@customers.test\n\nError message:\nno such user", "5.1.1", true},
		{"a gateway's dialogue", "InterScan <postmaster@mx.test>", "Message delivery failed.", "Sent <<< RCPT TO:<gone@customers.test>\nReceived >>> 550 5.1.1 user unknown", "5.1.1", true},
		{"the other host's words", "MAILER-DAEMON@mx.test", "Undelivered mail", "<gone@customers.test>: host mx.customers.test said: 550 user not found", "5.1.1", true},
		{"no such host", "MAILER-DAEMON@mx.test", "Undelivered mail", "<gone@customers.test>: Host or domain name not found", "5.1.2", true},
		{"Chinese", "PostMaster@mx.test", "系统退信", "抱歉，您的邮件未能送达。\n\n收件人：gone@customers.test\n退信原因：收件人邮箱地址不存在。", "5.1.1", true},
		{"Chinese, full", "PostMaster@mx.test", "退信通知", "收件人: gone@customers.test\n原因: 对方邮箱空间已满", "5.2.2", false},
		{"Japanese", "postmaster@mx.test", "エラーメール", "メールを配信できませんでした。\n\n宛先: gone@customers.test\nこのユーザーは存在しません。", "5.1.1", true},
		{"Japanese, full", "MAILER-DAEMON@mx.test", "送信できませんでした", "gone@customers.test\nメールボックスがいっぱいです", "5.2.2", false},
		{"Korean", "MAILER-DAEMON@mx.test", "메일이 전송되지 못했습니다", "받는사람: gone@customers.test\n원인: 존재하지 않는 계정입니다.", "5.1.1", true},
		{"German", "postmaster@mx.test", "Unzustellbar: Bestellung", "Diese Nachricht konnte nicht zugestellt werden.\n\nEmpfänger: gone@customers.test\nDie Adresse wurde nicht gefunden.", "5.1.1", true},
		{"French", "MAILER-DAEMON@mx.test", "Message non remis", "Destinataire : gone@customers.test\nL'adresse est inconnue.", "5.1.1", true},
		{"Spanish", "MAILER-DAEMON@mx.test", "Mensaje no entregado", "Destinatario: gone@customers.test\nEl buzón del usuario está lleno", "5.2.2", false},
		{"Portuguese", "MAILER-DAEMON@mx.test", "Falha na entrega", "Destinatário: gone@customers.test\nO endereço não existe", "5.1.1", true},
		{"Russian", "MAILER-DAEMON@mx.test", "Письмо не доставлено", "Получатель: gone@customers.test\nТакой адрес не существует", "5.1.1", true},
		{"Arabic", "MAILER-DAEMON@mx.test", "فشل تسليم الرسالة", "المستلم: gone@customers.test\nالعنوان غير موجود", "5.1.1", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := eml("Return-Path: <>", "From: "+tc.from, "To: "+desk, "Subject: "+tc.subject, "Date: Sat, 21 Nov 2026 08:00:00 +0000", "X-Original-Message-ID: <"+id+">", "", tc.words)
			receiptsOf(t, e, id, raw, normalize.Receipt{Recipient: normalize.Email("gone@customers.test", ""), Status: normalize.StatusFailed, Code: tc.code, Unreachable: tc.dead})
		})
	}
}
