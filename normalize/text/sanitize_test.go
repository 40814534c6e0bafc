package text

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

func TestSanitizeKeepsWhatAMailNeeds(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{
			"formatting", `<p align="center">a <b>b</b> <font color="#ff0000" size="2">c</font><br>d</p>`,
			`<p align="center">a <b>b</b> <font color="#ff0000" size="2">c</font><br>d</p>`,
		},
		{
			"table", `<table border="1" width="100%"><tr><td colspan="2" bgcolor="#eee">a</td></tr></table>`,
			`<table border="1" width="100%"><tr><td colspan="2" bgcolor="#eee">a</td></tr></table>`,
		},
		{
			"harmless styles", `<span style="COLOR: rgb(1, 2, 3) !important; font-family: 'A B', serif; padding:1px">x</span>`,
			`<span style="color: rgb(1, 2, 3); font-family: &#39;A B&#39;, serif; padding: 1px">x</span>`,
		},
		{
			"links", `<a href="HTTPS://x.y/?a=b&c=d" target="_self" rel="opener" ping="http://t">x</a>`,
			`<a href="https://x.y/?a=b&amp;c=d" target="_blank" rel="noopener noreferrer nofollow">x</a>`,
		},
		{"mail links", `<a href="mailto:a@b.c">x</a>`, `<a href="mailto:a@b.c" target="_blank" rel="noopener noreferrer nofollow">x</a>`},
		{"choices of a menu", `<a href="menu:101">Yes</a> <a href="menu:a b">No</a> <a href="menu:">?</a>`, `<a href="menu:101" target="_blank" rel="noopener noreferrer nofollow">Yes</a> No ?`},
		{"images of the mail", `<img src="cid:logo@x" alt="Logo">`, `<img src="cid:logo@x" alt="Logo">`},
		{"small inline images", `<img src="data:image/png;base64,iVBORw0KGgo=">`, `<img src="data:image/png;base64,iVBORw0KGgo=">`},
		{
			"remote images by their text", `<img src="https://x.y/pic.png" alt="Pic" width="90">`,
			`<img data-remote-src="https://x.y/pic.png" alt="Pic" width="90">`,
		},
		{
			"end tags that are left out", `<p>a<p>b<ul><li>c<li>d</ul><table><tr><td>e<td>f<tr><td>g</table>`,
			`<p>a</p><p>b</p><ul><li>c</li><li>d</li></ul><table><tr><td>e</td><td>f</td></tr><tr><td>g</td></tr></table>`,
		},
		{"text around what goes", `a<object data=x>b</noscript><noscript>n</noscript><frame>c`, `abc`},
		{"end tags of others", `</div></td></table>a</p>`, `a`},
		{"parts of a table without one", `<td>a</td><li>b`, `ab`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := SanitizeHTML(c.in, nil)
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if again := SanitizeHTML(got, nil); again != got {
				t.Errorf("a second time: %s", again)
			}
		})
	}
}

func TestSanitizeMapsContentIDs(t *testing.T) {
	cid := func(id string) (string, bool) { return "/v1/media/7", id == "a@b.c" }
	in := `<img src="cid:a@b.c"><img src="CID:%3Ca@b.c%3E"><img src="cid:other" alt="Other"><img src="/v1/media/8">`
	want := `<img src="/v1/media/7"><img src="/v1/media/7"><img alt="Other">`
	if got := SanitizeHTML(in, cid); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// What is stored with nil is mapped when it is shown.
	if got := SanitizeHTML(SanitizeHTML(in, nil), cid); got != want {
		t.Errorf("in two steps: %s", got)
	}
}

// attacks run something, load something or break out, in a browser or after
// a naive sanitizer.
var attacks = []string{
	// Scripts, plain and mutated.
	`<script>alert(1)</script>`, `<scr<script>ipt>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `<svg/onload=alert(1)>`,
	`<a href="javascript:alert(1)">x</a>`, `<a href="java&#9;script:alert(1)">x</a>`, `<a href=" &#1;javascript:alert(1)">x</a>`,
	`<a href="data:text/html,<script>alert(1)</script>">x</a>`, `<a href="vbscript:x">x</a>`, `<a href="cid:x">x</a>`,
	`<a href="/account/delete?id=1">x</a>`, `<a href="//evil/">x</a>`,
	`<math><mi><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">`,
	`<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">`,
	`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
	`<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>`,
	`<svg><desc><table><thead><s></table></s><noscript><a title="</noscript><img src onerror=alert(1)>"></a></noscript></svg>`,
	`<template><script>alert(1)</script></template>`, `<listing>&lt;img onerror=alert(1) src&gt;</listing>`,
	`<xmp><img src=x onerror=alert(1)></xmp>`, `<textarea></textarea><img src=x onerror=alert(1)>`, `<plaintext><img src=x onerror=alert(1)>`,
	`<![CDATA[<img src=x onerror=alert(1)>]]>`, `<!--><img src=x onerror=alert(1)>-->`, `<?xml <img src=x onerror=alert(1)>?>`,
	`<iframe srcdoc="<script>alert(1)</script>"></iframe>`, `<object data="x.swf"></object><embed src=x>`, `<isindex action=javascript:alert(1)>`,
	`<form action="https://evil"><input name=password><button formaction="javascript:x">x</button></form>`,
	`<p id="x" name="y" class="z" contenteditable accesskey=x tabindex=1 onclick=alert(1)>x</p>`,
	// What loads from outside.
	`<img src="http://t/x.gif">`, `<img src="//t/x.gif">`, `<img src="\\t\x.gif">`, `<img src="ftp://t/x.gif">`, `<img src="hTTps://t/x.gif">`,
	`<img src=" http://t/x.gif">`, `<img src="http:t/x.gif">`, `<img src="/relative.gif">`, `<img srcset="http://t/x.gif 2x">`, `<img lowsrc="http://t/x">`,
	`<img src="http://t/x.gif" width="1" height="1">`, `<img dynsrc=http://t/x>`, `<image src="http://t/x" xlink:href="http://t/x">`,
	`<picture><source srcset="http://t/x"><img src=cid:y></picture>`, `<video poster="http://t/x"></video><audio src="http://t/x">`,
	`<body background="http://t/x">`, `<table background="http://t/x"><tr background="http://t/x"><td background="http://t/x">x</table>`,
	`<div style="background:url(http://t/x)">x</div>`, `<div style="background:u\72l(http://t/x)">x</div>`, `<div style="color:red;/**/background:url('http://t/x')">x</div>`,
	`<div style="list-style: url(//t/x)">x</div>`, `<div style="content: image-set('http://t/x' 1x)">x</div>`, `<p style="font-family: 'a;background:url(http://t/x)'">x</p>`,
	`<div style="width: expression(alert(1))">x</div>`, `<div style="behavior: url(x.htc); -moz-binding: url(x)">x</div>`,
	`<div style="position:fixed;top:0;left:0;width:100%;height:100%;z-index:999">x</div>`, `<div style="margin-top: -900px">x</div>`,
	`<style>@import "http://t/x"; p { background: url(http://t/x) }</style>`, `<link rel="stylesheet" href="http://t/x">`,
	`<link rel="dns-prefetch" href="//t">`, `<base href="http://t/"><a href="x">x</a>`, `<meta http-equiv="refresh" content="0;url=http://t/">`,
	`<svg><image href="http://t/x"/><use href="http://t/x#y"/></svg>`, `<img src="data:image/svg+xml;base64,PHN2Zz4=">`,
	`<img src="data:text/html;base64,PHN2Zz4=">`, `<input type=image src="http://t/x">`, `<bgsound src="http://t/x">`, `<frame src="http://t/x">`,
	`<img data-remote-src="javascript:x" src="cid:ok">`, `<img data-remote-src="cid:x">`, `<del cite="http://t/x">x</del>`, `<q cite="http://t">x</q>`,
	// Ways out of the element around the mail.
	`</div></div></body></html><h1>page</h1>`, `</td></tr></table><p>x`, `<table></div><tr><td></div>x`, `<li>x<li>y`, `<p>a<div>b</p>c</div></div>`,
	`<b><p>x</b>y</p><i>`, `<a href=http://x><table><a href=http://y>z</table></a>`, `<dd>x<dt>y`,
}

func TestSanitizeDisarms(t *testing.T) {
	for i, in := range attacks {
		t.Run(fmt.Sprint(i), func(t *testing.T) { checkSafe(t, in, SanitizeHTML(in, nil)) })
	}
}

// checkSafe parses sanitised HTML as a browser would, within a page.
func checkSafe(t *testing.T, in, out string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(`<body><ul><li><div id="box">` + out + `</div></li><li id="next"></li></ul></body>`))
	if err != nil {
		t.Fatalf("%q\n-> %q: %v", in, out, err)
	}
	var inBox func(n *html.Node, inside bool)
	seen := map[string]bool{}
	inBox = func(n *html.Node, inside bool) {
		if n.Type == html.CommentNode || n.Type == html.DoctypeNode {
			t.Errorf("%q\n-> %q has a comment", in, out)
		}
		if n.Type == html.ElementNode && inside {
			checkElement(t, in, out, n)
		}
		if id := attributeOf(n.Attr, "id"); id != "" {
			seen[id] = true
			if id == "next" && (inside || n.PrevSibling == nil || n.PrevSibling.FirstChild != n.PrevSibling.LastChild) {
				t.Errorf("%q\n-> %q is not confined to its element", in, out)
			}
			inside = inside || id == "box"
		} else if !inside && n.Type == html.ElementNode &&
			!slices.Contains([]atom.Atom{atom.Html, atom.Head, atom.Body, atom.Ul, atom.Li}, n.DataAtom) {
			t.Errorf("%q\n-> %q puts <%s> outside", in, out, n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			inBox(c, inside)
		}
	}
	inBox(doc, false)
	if !seen["next"] || len(seen) != 2 {
		t.Errorf("%q\n-> %q upsets the page: ids %v", in, out, seen)
	}
}

func checkElement(t *testing.T, in, out string, n *html.Node) {
	t.Helper()
	switch n.DataAtom {
	case 0, atom.Script, atom.Style, atom.Svg, atom.Math, atom.Link, atom.Meta, atom.Base, atom.Form, atom.Input, atom.Button, atom.Iframe,
		atom.Object, atom.Embed, atom.Source, atom.Video, atom.Audio, atom.Template, atom.Noscript, atom.Textarea, atom.Select, atom.Frame:
		t.Errorf("%q\n-> %q keeps <%s>", in, out, n.Data)
	}
	for _, a := range n.Attr {
		val := strings.ToLower(a.Val)
		var bad bool
		switch a.Key {
		case "href":
			bad = !readableLink(a.Val) && !choice.MatchString(a.Val) || attributeOf(n.Attr, "rel") != "noopener noreferrer nofollow" || attributeOf(n.Attr, "target") != "_blank"
		case "src":
			bad = !strings.HasPrefix(val, "cid:") && !inlineImage.MatchString(val)
		case RemoteImage:
			bad = !strings.HasPrefix(val, "http://") && !strings.HasPrefix(val, "https://")
		case "style":
			bad = strings.ContainsAny(val, "/\\@<") || strings.Contains(val, "url(") || strings.Contains(val, "expression(") ||
				strings.Contains(val, "position")
		case "id", "class", "name", "srcset", "background", "poster", "action", "ping", "cite":
			bad = true
		default:
			bad = strings.HasPrefix(a.Key, "on") || strings.Contains(a.Key, ":")
		}
		if bad {
			t.Errorf("%q\n-> %q keeps %s=%q", in, out, a.Key, a.Val)
		}
	}
}

func FuzzSanitizeHTML(f *testing.F) {
	for _, s := range attacks {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := SanitizeHTML(s, nil)
		checkSafe(t, s, out)
		if again := SanitizeHTML(out, nil); again != out {
			t.Errorf("%q\n-> %q\n-> %q a second time", s, out, again)
		}
	})
}
