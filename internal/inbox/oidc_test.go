package inbox_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	config "github.com/deskbridge/deskbridge/connectors/helpdesk/inbox"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// byCompany logs in with the company's account and returns what the browser
// shows in the end.
func (r *rig) byCompany(c *http.Client) (path, body string, code int) {
	r.t.Helper()
	code, body, res := get(r.t, c, r.url+"oidc")
	return res.Request.URL.Path, body, code
}

func TestStaffLogsInWithTheCompanysAccount(t *testing.T) {
	p := startIDP(t)
	r := newRigWith(t, setup{inbox: p.settings(", admins: [boss@elsewhere.test]")})
	r.write("Broken kettle", "text/plain", "It leaks.")
	r.received(1)
	for _, c := range []struct {
		what     string
		person   map[string]any
		withheld bool
		name     string
		admin    bool
	}{
		{"somebody of the company", map[string]any{"email": "Mia@Staff.test", "email_verified": true, "name": "Mia Lang"}, false, "Mia Lang", false},
		{"a provider that writes a string", map[string]any{"email": "mia@staff.test", "email_verified": "true"}, false, "mia@staff.test", false},
		{"a provider that tells addresses apart from the token", map[string]any{"email": "mia@staff.test", "email_verified": true, "name": "Mia"}, true, "Mia", false},
		{"an administrator from outside", map[string]any{"email": "boss@elsewhere.test", "email_verified": true, "name": "Boss"}, false, "Boss", true},
		{"a user of the list", map[string]any{"email": agent, "email_verified": true, "name": "Somebody"}, false, "Ann", true},
	} {
		p.rotate() // the keys change all the time
		p.with(func() { p.person, p.withheld = c.person, c.withheld })
		browser := r.client()
		path, body, code := r.byCompany(browser)
		if path != "/inbox/" || code != http.StatusOK || !strings.Contains(body, "It leaks.") || !strings.Contains(body, `class="me">`+c.name+`<`) {
			t.Errorf("%s ends at %s with %d:\n%s", c.what, path, code, body)
		}
		want := http.StatusForbidden
		if c.admin {
			want = http.StatusOK
		}
		if code, _, _ := get(t, browser, r.url+"accounts"); code != want {
			t.Errorf("%s gets %d for the administrators' page", c.what, code)
		}
		if code, _, _ := get(t, browser, r.url+"list"); code != http.StatusOK {
			t.Errorf("%s is asked to log in again", c.what)
		}
	}
}

func TestWhatTheProviderSaysIsNotBelievedBlindly(t *testing.T) {
	p := startIDP(t)
	r := newRigWith(t, setup{inbox: p.settings("")})
	stolen, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims := func(nonce string) map[string]any {
		return map[string]any{"iss": p.server.URL, "sub": "u1", "aud": clientID, "exp": time.Now().Add(time.Minute).Unix(), "email": "mia@staff.test", "email_verified": true, "nonce": nonce}
	}
	set := func(k string, v any) func(map[string]any) { return func(c map[string]any) { c[k] = v } }
	const unproven, unverified, stranger = "could not be verified", "no verified e-mail address", "not admitted"
	for what, c := range map[string]struct {
		change func(map[string]any)
		forge  func(map[string]any) string
		words  string
		why    string
	}{
		"another login's nonce":    {change: set("nonce", "another"), words: unproven},
		"no nonce":                 {change: func(c map[string]any) { delete(c, "nonce") }, words: unproven},
		"another client's token":   {change: set("aud", "another"), words: unproven},
		"a token for two clients":  {change: set("aud", []string{clientID, "another"}), words: unproven},
		"another authorized party": {change: set("azp", "another"), words: unproven},
		"another provider's token": {change: set("iss", "https://login.example"), words: unproven},
		"an old token":             {change: set("exp", time.Now().Add(-time.Minute).Unix()), words: unproven},
		"an unknown key":           {forge: func(c map[string]any) string { return sign(t, stolen, c) }, words: unproven},
		"no signature": {forge: func(c map[string]any) string {
			return segment(t, map[string]string{"alg": "none"}) + "." + segment(t, c) + "."
		}, words: unproven},
		"no token":              {forge: func(map[string]any) string { return "?" }, words: unproven},
		"an unverified address": {change: set("email_verified", false), words: unverified},
		"silence on that":       {change: func(c map[string]any) { delete(c, "email_verified") }, words: unverified},
		"no address at all":     {change: func(c map[string]any) { delete(c, "email"); p.person = map[string]any{"email_verified": true} }, words: unverified},
		"another company":       {change: set("email", "mia@elsewhere.test"), words: stranger},
		"a domain below":        {change: set("email", "mia@sub.staff.test"), words: stranger},
		"a domain that ends so": {change: set("email", "mia@otherstaff.test"), words: stranger},
		"two signs":             {change: set("email", "mia@staff.test@elsewhere.test"), words: stranger},
		"letters that look so":  {change: set("email", "mia@\u017ftaff.test"), words: stranger},
	} {
		p.with(func() {
			p.person = map[string]any{"email": "mia@staff.test", "email_verified": true}
			p.change, p.forged = nil, ""
			if c.forge == nil {
				p.change = c.change
				return
			}
			p.change = func(now map[string]any) {
				nonce, _ := now["nonce"].(string)
				p.forged = c.forge(claims(nonce))
			}
		})
		browser := r.client()
		path, body, code := r.byCompany(browser)
		if path != "/inbox/oidc/callback" || code != http.StatusForbidden || !strings.Contains(body, c.words) {
			t.Errorf("%s: %s, %d, without %q:\n%s", what, path, code, c.words, body)
		}
		if _, _, res := get(t, browser, r.url); res.Request.URL.Path != "/inbox/login" {
			t.Errorf("%s: logged in all the same", what)
		}
	}
}

func TestALoginEndsInTheBrowserThatBeganIt(t *testing.T) {
	p := startIDP(t)
	r := newRigWith(t, setup{inbox: p.settings("")})
	// The attacker stops before the way back, and gives it to a colleague.
	attacker := r.client()
	var back *url.URL
	attacker.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if strings.HasSuffix(req.URL.Path, "/callback") {
			back = req.URL
			return http.ErrUseLastResponse
		}
		return nil
	}
	get(t, attacker, r.url+"oidc")
	if back == nil {
		t.Fatal("the provider did not send the browser back")
	}
	begun := r.client()
	begun.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	get(t, begun, r.url+"oidc") // a login of its own is under way
	for what, browser := range map[string]*http.Client{"a browser without a login": r.client(), "a browser with another login": begun} {
		code, body, res := get(t, browser, back.String())
		if code != http.StatusBadRequest || !strings.Contains(body, "begun in another window") || len(res.Cookies()) > 0 && res.Cookies()[0].MaxAge >= 0 {
			t.Errorf("%s: %d\n%s", what, code, body)
		}
	}
	p.with(func() {
		if p.redeemed != 0 {
			t.Error("a code was redeemed for a browser that had not asked for it")
		}
	})
	if _, _, res := get(t, attacker, back.String()); res.Request.URL.Path != "/inbox/" {
		t.Errorf("the browser that began it ends at %s with %d", res.Request.URL, res.StatusCode)
	}
	if code, _, _ := get(t, attacker, back.String()); code != http.StatusBadRequest {
		t.Errorf("the way back once more: %d", code)
	}
}

func TestAProviderInTroubleIsSaidSo(t *testing.T) {
	p := startIDP(t)
	r := newRigWith(t, setup{inbox: p.settings("")})
	p.with(func() { p.deny = true })
	if path, body, code := r.byCompany(r.client()); path != "/inbox/oidc/callback" || code != http.StatusForbidden || !strings.Contains(body, "cancelled or refused") {
		t.Errorf("a refused login: %s, %d\n%s", path, code, body)
	}
	f := *r.file
	f.Helpdesks = slices.Clone(f.Helpdesks)
	c, ok := f.Helpdesks[0].Settings.(*config.Config)
	if !ok {
		t.Fatalf("settings are %T", f.Helpdesks[0].Settings)
	}
	changed, o := *c, *c.OIDC
	o.Issuer = "http://127.0.0.1:1"
	changed.OIDC = &o
	f.Helpdesks[0].Settings = &changed
	if err := r.app.Reload(t.Context(), &f); err != nil {
		t.Fatal(err)
	}
	if path, body, code := r.byCompany(r.client()); path != "/inbox/oidc" || code != http.StatusServiceUnavailable || !strings.Contains(body, "cannot be used now") || !strings.Contains(body, `name="password"`) {
		t.Errorf("a provider that is down: %s, %d\n%s", path, code, body)
	}
}

// Sessions end with what let them in.
func TestALoginByTheCompanyIsTakenBack(t *testing.T) {
	p := startIDP(t)
	r := newRigWith(t, setup{inbox: p.settings("")})
	mia, ann := r.client(), r.client()
	r.byCompany(mia)
	p.with(func() { p.person = map[string]any{"email": agent, "email_verified": true} })
	r.byCompany(ann)
	reload := func(change func(o *config.OIDC) *config.OIDC) {
		t.Helper()
		f := *r.file
		f.Helpdesks = slices.Clone(f.Helpdesks)
		c, ok := f.Helpdesks[0].Settings.(*config.Config)
		if !ok {
			t.Fatalf("settings are %T", f.Helpdesks[0].Settings)
		}
		changed, o := *c, *c.OIDC
		changed.OIDC = change(&o)
		f.Helpdesks[0].Settings = &changed
		if err := r.app.Reload(t.Context(), &f); err != nil {
			t.Fatal(err)
		}
	}
	in := func(c *http.Client) bool {
		_, _, res := get(t, c, r.url)
		return res.Request.URL.Path == "/inbox/"
	}
	if !in(mia) || !in(ann) {
		t.Fatal("the logins failed")
	}
	reload(func(o *config.OIDC) *config.OIDC { o.AllowedDomains = []string{"other.test"}; return o })
	if in(mia) || !in(ann) {
		t.Errorf("without the domain: Mia is in %v, Ann, of the list, is in %v", in(mia), in(ann))
	}
	reload(func(*config.OIDC) *config.OIDC { return nil })
	if in(ann) {
		t.Error("a session lives on without the provider that began it")
	}
	if code, _, _ := get(t, r.client(), r.url+"oidc"); code != http.StatusNotFound {
		t.Errorf("a login without a provider: %d", code)
	}
}

func TestTheCompanysLoginInABrowser(t *testing.T) {
	p := startIDP(t)
	r, b := newRigWith(t, setup{inbox: p.settings("")}), testenv.StartBrowser(t)
	r.write("Broken kettle", "text/plain", "It leaks.")
	page := r.url + "c/" + r.received(1).ConversationID.String()
	b.Open(page)
	b.Wait("the button", `document.querySelector("a.main")?.textContent === "Log in with Staff Ltd."`)
	picture(b, "login-company")
	b.Eval(`document.querySelector("a.main").focus()`, nil)
	b.Press("Enter")
	b.Wait("the conversation that was asked for", `location.href === "`+page+`" && document.querySelector(".me").textContent === "Mia Lang"`)
	b.Eval(`document.querySelector("form[action$='logout'] button").click()`, nil)
	b.Wait("the login", `document.querySelector("a.main")`)
	p.with(func() { p.person = map[string]any{"email": "mia@staff.test", "email_verified": false} })
	b.Prefer("dark", "zh-CN")
	b.Eval(`location.reload()`, nil)
	b.Wait("Chinese", `document.querySelector("a.main")?.textContent === "使用Staff Ltd.登录"`)
	b.Eval(`document.querySelector("a.main").click()`, nil)
	b.Wait("why it failed", `document.querySelector("[role=alert]")?.textContent.includes("电子邮箱")`)
	picture(b, "login-refused")
}
