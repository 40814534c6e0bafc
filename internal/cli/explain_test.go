package cli

import (
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/normalize"
)

func TestExplainSaysWhetherTheSenderIsGenuine(t *testing.T) {
	for want, a := range map[string]*normalize.Authentication{
		"sender        authenticated by dkim of example.cn\n":                                   {Verdict: normalize.Authenticated, By: "dkim", Domain: "example.cn"},
		"sender        unauthenticated by dmarc of example.cn: anybody may have written this\n": {Verdict: normalize.Unauthenticated, By: "dmarc", Domain: "example.cn"},
		"sender        unauthenticated: anybody may have written this\n":                        {Verdict: normalize.Unauthenticated},
		"from          张伟 <zhang@example.cn>\n  conversation  ":                                 nil,
	} {
		l := Life{Message: sampleTimeline().Messages[0]}
		l.Message.Authentication = a
		var b strings.Builder
		if err := RenderLife(&b, l, Options{Width: 100}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}
