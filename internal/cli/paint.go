package cli

// The colours of the terminal for what is drawn elsewhere. Each takes text
// that is safe and holds no colour yet.

func (o Options) Bold(s string) string   { return o.paint(bold, s) }
func (o Options) Dim(s string) string    { return o.paint(dim, s) }
func (o Options) Red(s string) string    { return o.paint(red, s) }
func (o Options) Green(s string) string  { return o.paint(green, s) }
func (o Options) Yellow(s string) string { return o.paint(yellow, s) }
func (o Options) Blue(s string) string   { return o.paint(blue, s) }
func (o Options) Cyan(s string) string   { return o.paint(cyan, s) }
