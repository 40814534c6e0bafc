package normalize

// Profile is what a vendor knows of the person behind an address.
type Profile struct {
	Name string
	// Evidence names the same person elsewhere.
	Evidence []Evidence
}

// Evidence is a name that the same person has elsewhere: an address, or an id
// that the vendor gives one person over several accounts. Two addresses with
// the same verified evidence, or an address that is another one's verified
// evidence, belong to one customer and are merged; what is not verified is
// only shown to agents.
type Evidence struct {
	Address  Address `json:"address"`
	Verified bool    `json:"verified"`
}
