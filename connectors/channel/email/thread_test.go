package email

import (
	"mime"
	"net/mail"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/deskbridge/deskbridge/normalize"
)

func TestBareSubject(t *testing.T) {
	for in, want := range map[string]string{
		"Re: Printer": "printer", "RE: AW: Fwd: Printer": "printer", "回复：打印机": "打印机", "答复: 转发: 打印机": "打印机",
		"Re[2]: Printer": "printer", "Re (3): Printer": "printer", "[External] Re: Printer": "printer", "Отв: Принтер": "принтер",
		"返信: 印刷": "印刷", "رد: طابعة": "طابعة", "Res: RES: x": "x", "TR : x": "x",
	} {
		if got, _ := bareSubject(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]bool{"Re: x": true, "SV: x": true, "回覆：x": true, "답장: x": true, "Fwd: x": false, "Regarding: x": false, "Response": false, "x": false} {
		if _, got := bareSubject(in); got != want {
			t.Errorf("%q is an answer: %v", in, got)
		}
	}
}

// Most subjects are seen to have no mark without being matched.
func TestSubjectsLoseTheMarksThatMatch(t *testing.T) {
	part := rapid.SampledFrom([]string{"Re", "FW", "答复", "转发", ":", "：", " ", "[2]", "(3)", "[External]", "【外部】", "[", "】", "Printer", "r"})
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOf(part).Draw(t, "parts"), "")
		want := s
		for range maxMarks {
			want = want[max(len(replyMark.FindString(want)), len(passMark.FindString(want))):]
		}
		if got, _ := cutMarks(s); got != want {
			t.Fatalf("%q becomes %q, want %q", s, got, want)
		}
	})
}

// TestWhatNamesAThread: ids first; the index and the subject only in a mail
// that says it is an answer, and only as a key, which holds for its sender.
func TestWhatNamesAThread(t *testing.T) {
	const index = "AdxyzAAAAAAAAAAAAAAAAAAAAAAAAA==" // 22 bytes
	const child = "AdxyzAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"
	thread := func(lines ...string) normalize.Thread {
		return decodeMessage(t, offline(t), eml(append(append([]string{"From: " + anna, "To: " + desk}, lines...), "", "hi")...)).Thread
	}
	first := thread("Subject: Printer", "Thread-Index: "+index)
	answer := thread("Subject: Other words", "Thread-Topic: Printer", "Thread-Index: "+child)
	switch {
	case !first.Separate || first.Key == "" || !first.Guarded:
		t.Errorf("the first mail: %+v", first)
	case answer.Separate || answer.Key != first.Key:
		t.Errorf("the answer: %+v", answer)
	}
	bySubject := thread("Subject: AW: printer", "In-Reply-To: <lost@customers.test>")
	if plain := thread("Subject: Printer"); bySubject.Separate || bySubject.Key != plain.Key || !plain.Separate {
		t.Errorf("by subject: %+v, %+v", bySubject, plain)
	}
	if th := thread("Subject: Re:"); !th.Separate || th.Key != "" {
		t.Errorf("an empty subject names a thread: %+v", th)
	}
}

func TestPlusAddressNamesTheThread(t *testing.T) {
	e := offline(t)
	e.cfg.PlusAddressing = true
	o := outbound(t, e, nil, textPart("hello"))
	sent, err := mail.ReadMessage(strings.NewReader(string(composed(t, e, o))))
	if err != nil {
		t.Fatal(err)
	}
	reply, err := mail.ParseAddress(sent.Header.Get("Reply-To"))
	if err != nil || !strings.HasPrefix(reply.Address, "support+db.") {
		t.Fatalf("Reply-To %v, %v", reply, err)
	}
	forged := strings.Replace(reply.Address, "+db.", "+db.a", 1)
	e.cfg.PlusAddressing = false // recognised all the same
	for _, field := range []string{"To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To"} {
		m := decodeMessage(t, e, eml("From: "+anna, field+": <"+strings.ToUpper(reply.Address)+">", "Subject: x", "", "hi"))
		if m.Thread.ReplyTo != o.Message.ExternalID || len(m.Thread.Cc) != 0 {
			t.Errorf("%s: %+v", field, m.Thread)
		}
		m = decodeMessage(t, e, eml("From: "+anna, field+": <"+forged+">", "Subject: x", "", "hi"))
		if m.Thread.ReplyTo != "" || len(m.Thread.References) != 0 {
			t.Errorf("a forged one in %s: %+v", field, m.Thread)
		}
	}
}

// TestThreadsOfMailPrograms takes the first mail and the answer as the programs
// write them, and reads our own answer back with another library: it must name
// what the program groups by.
func TestThreadsOfMailPrograms(t *testing.T) {
	for _, tc := range []struct {
		program       string
		first, answer []string // headers; OURS stands for the id of our answer
		subject       string
	}{
		{
			"Gmail",
			[]string{"Message-ID: <CAB+1@mail.gmail.com>", "Subject: Order 4711"},
			[]string{"Message-ID: <CAB+2@mail.gmail.com>", "In-Reply-To: <OURS>", "References: <CAB+1@mail.gmail.com> <OURS>", "Subject: Re: Order 4711"},
			"Re: Order 4711",
		},
		{
			"Outlook",
			[]string{"Message-ID: <AM0PR1@prod.outlook.com>", "Thread-Topic: Bestellung", "Thread-Index: AdxyzAAAAAAAAAAAAAAAAAAAAAAAAA==", "Subject: Bestellung"},
			[]string{"Message-ID: <AM0PR2@prod.outlook.com>", "Thread-Topic: Bestellung", "Thread-Index: AdxyzAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", "References: <AM0PR1@prod.outlook.com>", "\t<OURS>", "In-Reply-To: <OURS>", "Subject: AW: Bestellung"},
			"Re: Bestellung",
		},
		{
			"Apple Mail",
			[]string{"Message-Id: <0C1A-1@customers.test>", "Mime-Version: 1.0 (Mac OS X Mail 16.0)", "Subject: Rechnung"},
			[]string{"Message-Id: <0C1A-2@customers.test>", "References: <0C1A-1@customers.test> <OURS>", "In-Reply-To: <OURS>", "Subject: Re: Rechnung"},
			"Re: Rechnung",
		},
		{
			"QQ Mail",
			[]string{"Message-ID: <tencent_1@qq.com>", "X-QQ-mid: xmsmtpt1", "Subject: =?gb18030?B?tqm1pQ==?="},
			[]string{"Message-ID: <tencent_2@qq.com>", "References: <tencent_1@qq.com>", " <OURS>", "In-Reply-To: <OURS>", "Subject: =?gb18030?B?u9i4tKO6tqm1pQ==?="},
			"Re: 订单",
		},
	} {
		e := offline(t)
		read := func(lines []string, ours string) *normalize.Message {
			raw := strings.ReplaceAll(string(eml(append(append([]string{"From: " + anna, "To: " + desk}, lines...), "", "hi")...)), "OURS", ours)
			return decodeMessage(t, e, []byte(raw))
		}
		first := read(tc.first, "")
		o := outbound(t, e, first, textPart("our answer"))
		sent, err := mail.ReadMessage(strings.NewReader(string(composed(t, e, o))))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(sent.Header.Get("Subject"))
		if err != nil || subject != tc.subject {
			t.Errorf("%s: our subject %q, %v", tc.program, subject, err)
		}
		if got, want := sent.Header.Get("In-Reply-To"), "<"+first.ExternalID+">"; got != want || !strings.HasSuffix(sent.Header.Get("References"), want) {
			t.Errorf("%s: we answer %s, want %s", tc.program, got, want)
		}
		back := read(tc.answer, o.Message.ExternalID)
		if back.Thread.ReplyTo != o.Message.ExternalID || back.Thread.References[0] != first.ExternalID || !sharesKey(back.Thread, first.Thread) {
			t.Errorf("%s: the answer's thread %+v", tc.program, back.Thread)
		}
		// Its answer to that one goes on with the whole line of ancestors.
		next := outbound(t, e, back, textPart("and again"))
		if got := strings.Join(next.Message.Thread.References, " "); got != first.ExternalID+" "+o.Message.ExternalID+" "+back.ExternalID {
			t.Errorf("%s: references %q", tc.program, got)
		}
	}
}

func sharesKey(a, b normalize.Thread) bool {
	return !a.Separate && a.Key == b.Key && a.Key != ""
}
