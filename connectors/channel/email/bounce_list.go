package email

import (
	"regexp"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// listRefusal reads the answer of a mailing list that did not pass a mail on:
// the sender is no member, or somebody has to let it pass first. The list is
// the recipient. RFC 3463 has X.7.2 for it. A list's manager says what it is
// in the header, so a person's words on a list are none.
func listRefusal(root *node) *notice {
	h := root.header
	if !listManager(root) {
		return nil
	}
	words := noticeText(root)
	said := text.CleanLine(decodeHeader(h.get("subject"))) + "\n" + words
	r := normalize.Receipt{Status: normalize.StatusFailed, Code: "5.7.2"}
	why := listRefuses.FindString(said)
	if why == "" {
		if why = listHolds.FindString(said); why == "" {
			return nil
		}
		r.Status, r.Code = normalize.StatusAccepted, "4.7.2"
	}
	var ok bool
	if r.Recipient, ok = refusingList(root, words); !ok {
		return nil
	}
	r.Detail = text.Truncate("a mailing list: "+text.CleanLine(why), 300)
	return &notice{receipts: []normalize.Receipt{r}, unknown: "bounce_unknown"}
}

var (
	// listRefuses are the words of fml, Mailman, Sympa, Majordomo, LISTSERV and
	// ezmlm; listHolds are those with which they tell that a moderator decides.
	listRefuses = regexp.MustCompile(`(?i)(?:you|sender|address|article|message|mail)[^\n]{0,120}\b(?:is|are|as) (?:not (?:a )?|non-?)(?:member|subscribe[rd])[^\n]{0,120}|ignored not member article[^\n]{0,80}|` +
		`not (?:allowed|authori[sz]ed|permitted) to (?:post|send)[^\n]{0,60}\b(?:list|group|message)|(?:list|group)[^\n]{0,40}(?:restricted|limited|open) (?:only )?to (?:list )?(?:members|subscribers)|` +
		`only (?:members|subscribers) (?:may|can|are allowed to) (?:post|send)|\bhas been (?:automatically rejected|(?:rejected|refused) by (?:the )?(?:list|moderator))|` +
		`(?:detected a|mail) loop condition|duplicated message-id[^\n]{0,100}`)
	listHolds = regexp.MustCompile(`(?i)await(?:s|ing) (?:moderator|owner)?[^\n]{0,20}approval|being held until the list moderator|is being held for (?:approval|moderation)|has been (?:sent|forwarded) to the moderator`)

	// listAddress is a list in a sentence of its manager.
	listAddress = regexp.MustCompile(`(?i)\b(?:mailing list|list|group|fml|article from|posting to)[ \t]+["'(]?<?[ \t]*$`)
)

// listManager reports whether a program that runs mailing lists wrote the mail
// by itself; what members write has its author as the sender.
func listManager(root *node) bool {
	h := root.header
	local, _, _ := strings.Cut(root.from.Value, "@")
	switch local {
	case "majordomo", "listserv", "sympa", "mailman", "listmaster":
		return automated(h)
	}
	return listRole(local) != "" && slices.ContainsFunc(h, listField)
}

// listField reports whether a list's manager wrote a field.
func listField(f field) bool {
	switch f.name {
	case "mailing-list", "x-mlserver", "x-ml-name", "x-mailman-version", "x-beenthere", "x-list-administrivia", "x-listserver", "x-sympa-to":
		return true
	}
	return strings.HasPrefix(f.name, "list-")
}

// listRole returns the ending of an address at which a list is run.
func listRole(local string) string {
	for _, role := range []string{"-admin", "-owner", "-bounces", "-request", "-return", "-noreply", "-ctl"} {
		if len(local) > len(role) && strings.HasSuffix(local, role) {
			return role
		}
	}
	return ""
}

// refusingList returns the address of the list: as the words name it, or else
// as that of its manager tells it.
func refusingList(root *node, words string) (normalize.Address, bool) {
	for _, line := range linesOf(words) {
		line = line[:min(len(line), 2000)]
		for _, a := range addressesIn(line) {
			local, _, _ := strings.Cut(strings.ToLower(a.mailbox), "@")
			if listAddress.MatchString(line[max(0, a.at-60):a.at]) && listRole(local) == "" {
				return normalize.Email(a.mailbox, ""), true
			}
		}
	}
	if post := postAddress.FindStringSubmatch(root.header.get("list-post")); post != nil && validMailbox(post[1]) {
		return normalize.Email(post[1], ""), true
	}
	local, host, _ := strings.Cut(root.from.Value, "@")
	role := listRole(local)
	return normalize.Email(strings.TrimSuffix(local, role)+"@"+host, ""), role != ""
}

var postAddress = regexp.MustCompile(`(?i)<mailto:([^<>?\s]{3,300})[?>]`)
