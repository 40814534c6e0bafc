package normalize

import "strings"

// The kinds of address that Deskbridge's own channels use. Further channels
// bring further kinds; nothing in the core looks at them.
const (
	KindEmail = "email"
	KindPhone = "phone"
)

// Address is where a customer can be reached. Kind and Value together name one
// correspondent over all accounts; a channel whose ids are only unique within
// an account or an app puts that scope into Value. A Value is opaque: only the
// channel that made it may take it apart, and a phone number is never assumed.
type Address struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
	// Name is what the correspondent calls themself; unverified.
	Name string `json:"name,omitempty"`
}

// Email returns the address of a mailbox. Case is folded: mail systems that
// tell Bob@example.com from bob@example.com exist only on paper.
func Email(mailbox, name string) Address {
	return Address{Kind: KindEmail, Value: strings.ToLower(mailbox), Name: name}
}

// Is reports whether both name the same correspondent, whatever their names.
func (a Address) Is(b Address) bool { return a.Kind == b.Kind && a.Value == b.Value }

// IsZero reports whether there is no address.
func (a Address) IsZero() bool { return a.Value == "" }

func (a Address) String() string {
	if a.Name == "" {
		return a.Value
	}
	return a.Name + " <" + a.Value + ">"
}
