package cli

// What is drawn elsewhere uses these colours. Each takes text that is safe and
// holds no colour yet.

// Bold is for names and what one looks for first.
func (o Options) Bold(s string) string { return o.paint(bold, s) }

// Dim is for what one may skip.
func (o Options) Dim(s string) string { return o.paint(dim, s) }

// Red is for what failed.
func (o Options) Red(s string) string { return o.paint(red, s) }

// Green is for what went well, and for what leaves.
func (o Options) Green(s string) string { return o.paint(green, s) }

// Yellow is for what to heed.
func (o Options) Yellow(s string) string { return o.paint(yellow, s) }

// Cyan is for what comes in.
func (o Options) Cyan(s string) string { return o.paint(cyan, s) }
