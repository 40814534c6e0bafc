package email

import (
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
)

// automated reports whether a program wrote the mail, or a person through a
// list: such mail is shown and never answered by itself. RFC 3834 section 5,
// RFC 5230 section 4.6, and what the field uses beside them.
func automated(h header) bool {
	if v := firstWord(h.get("auto-submitted")); v != "" && v != "no" {
		return true
	}
	switch firstWord(h.get("precedence")) {
	case "bulk", "junk", "list", "auto_reply", "auto-reply":
		return true
	}
	if h.has("return-path") && strings.ReplaceAll(h.get("return-path"), " ", "") == "<>" {
		return true
	}
	for v := range strings.SplitSeq(strings.ToLower(h.get("x-auto-response-suppress")), ",") {
		switch strings.TrimSpace(v) {
		case "all", "oof", "autoreply":
			return true
		}
	}
	kind, _ := parseParams(h.get("content-type"))
	return kind == "multipart/report" || slices.ContainsFunc(machineFields, h.has)
}

// machineFields are those that no mail written by a person has.
var machineFields = []string{"list-id", "list-unsubscribe", "x-autoreply", "x-autorespond", "x-auto-reply", "x-failed-recipients", "feedback-id"}

// machine reports whether nobody reads what is sent to an address.
func machine(a normalize.Address) bool {
	local, _, _ := strings.Cut(a.Value, "@")
	switch local {
	case "mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "do-not-reply":
		return true
	}
	return false
}

func firstWord(v string) string {
	v, _ = cutAny(strings.ToLower(strings.TrimSpace(v)), "; \t(")
	return v
}
