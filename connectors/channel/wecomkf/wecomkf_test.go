package wecomkf

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/connectortest"
	callsim "github.com/deskbridge/deskbridge/connectors/simulator/tencent"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	corpID  = "ww0123456789abcdef"
	kf1     = "wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q"
	kf2     = "wkAJ2GCAAAsecondAccount"
	someone = "wmAJ2GCAAAme1XQRC-NI-q0_ZM9ukoAw"
)

func simulate(t testing.TB, o wecom.Options) *wecom.Server {
	t.Helper()
	o.CorpID, o.OpenKfIDs = corpID, []string{kf1, kf2}
	s := wecom.New(o)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// suite is what connectortest has to know.
var suite = connectortest.Suite{
	Type: Type,
	Config: fmt.Sprintf("corp_id: %s\nsecret: %s\ntoken: %s\nencoding_aes_key: %s\nopen_kfids: [%s, %s]\napi_url: \"{vendor}\"\nwelcome: Hello!\n",
		corpID, wecom.DefaultSecret, wecom.DefaultToken, wecom.DefaultAESKey, kf1, kf2),
	Vendor: func(t testing.TB) http.Handler {
		s := simulate(t, wecom.Options{Answers: 100})
		s.Write(kf1, someone, wecom.Text("hello"))
		return s
	},
	Sign:       seal,
	StaleAfter: 5 * time.Minute,
	To:         normalize.Address{Kind: Kind, Value: corpID + ":" + someone},
	Thread:     normalize.Thread{ID: kf1, Key: kf1},
	Sends:      func(r *http.Request) bool { return r.URL.Path == "/cgi-bin/kf/send_msg" },
	Statuses:   statuses(),
}

// seal makes a call of WeCom of its content.
func seal(r *connectors.Request) {
	signer := callsim.Signer{Token: wecom.DefaultToken, AESKey: wecom.DefaultAESKey, Receiver: corpID}
	sealed, q, err := signer.Seal(r.Body, r.ReceivedAt)
	if err != nil {
		panic(err)
	}
	if r.Method == http.MethodGet {
		q.Set("echostr", sealed)
		r.Body = nil
	} else {
		r.Body = fmt.Appendf(nil, "<xml><ToUserName><![CDATA[%s]]></ToUserName><AgentID>1000002</AgentID><Encrypt><![CDATA[%s]]></Encrypt></xml>", corpID, sealed)
	}
	r.URL += "?" + q.Encode()
}

// statuses are WeCom's documented refusals of send_msg, and what stands
// between it and us. The classes are written down here once more on purpose.
func statuses() []connectortest.Status {
	classes := map[connectors.Class][]int{
		connectors.Transient: {-1, 95007},
		connectors.Throttled: {45009, 45033},
		connectors.Unreachable: {
			40003, 40096, 43004, 95001, 95002, 95013,
		},
		connectors.AccountDown: {
			40001, 40013, 40014, 40201, 42001, 41001, 48002, 50002, 50003, 60011, 60020, 301002, 95003, 95010, 95011, 95012, 95017,
		},
		connectors.Rejected: {
			40004, 40005, 40006, 40007, 40008, 40009, 40011, 40035, 40058, 40068, 44001, 44004, 45001, 45002, 45007, 45008, 46001,
			60030, 95000, 95004, 95005, 95006, 95008, 95009, 95014, 95015, 95016, 95018, 99999,
		},
	}
	var list []connectortest.Status
	for class, codes := range classes {
		for _, code := range codes {
			s := connectortest.Status{
				Name: fmt.Sprint(code), Code: http.StatusOK, Want: class, WantCode: fmt.Sprint(code),
				Body: fmt.Sprintf(`{"errcode":%d,"errmsg":"no, hint: [1700000000], from ip: 203.0.113.9"}`, code),
			}
			if code == 45009 {
				s.RetryAfter = time.Minute
			}
			list = append(list, s)
		}
	}
	return append(list,
		connectortest.Status{Name: "gateway in trouble", Code: http.StatusBadGateway, Body: "<html>", Want: connectors.Ambiguous},
		connectortest.Status{
			Name: "gateway wants less", Code: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"7"}},
			Want: connectors.Throttled, RetryAfter: 7 * time.Second,
		},
		connectortest.Status{Name: "another server", Code: http.StatusNotFound, Body: strings.Repeat("x", 100), Want: connectors.AccountDown},
	)
}

func TestSuite(t *testing.T) { connectortest.Run(t, suite) }

func FuzzDecode(f *testing.F) { connectortest.Fuzz(f, suite) }
