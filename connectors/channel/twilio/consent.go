package twilio

import (
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
)

// The words on which Twilio itself stops and resumes messages to a number, when
// a message is nothing but one of them
// (help.twilio.com, "Twilio support for opt-out keywords").
var (
	stopWords  = words("STOP STOPALL UNSUBSCRIBE END QUIT CANCEL REVOKE OPTOUT")
	startWords = words("START YES UNSTOP")
	// Twilio leaves WhatsApp to us, where "cancel" and "yes" may be meant.
	stopWhatsApp  = words("STOP STOPALL UNSUBSCRIBE OPTOUT")
	startWhatsApp = words("START UNSTOP")
)

func words(list string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		set[w] = true
	}
	return set
}

// consent says whether a message gives or takes back the consent to be written
// to. A service with Advanced Opt-Out has words of its own and says by
// OptOutType what it made of the message.
func consent(p params, kind string) normalize.Consent {
	switch p.get("OptOutType") {
	case "STOP":
		return normalize.OptedOut
	case "START":
		return normalize.OptedIn
	case "HELP":
		return ""
	}
	stop, start := stopWords, startWords
	if kind == KindWhatsApp {
		stop, start = stopWhatsApp, startWhatsApp
	}
	switch word := strings.ToUpper(strings.TrimSpace(p.get("Body"))); {
	case p.get("NumMedia") != "" && p.get("NumMedia") != "0":
		return ""
	case stop[word]:
		return normalize.OptedOut
	case start[word]:
		return normalize.OptedIn
	}
	return ""
}
