package main

import (
	"github.com/deskbridge/deskbridge/internal/demo"
)

type demoCmd struct {
	Data  string  `placeholder:"DIR" type:"path" help:"Keep the store in this folder; by default it is temporary and removed at the end"`
	Speed float64 `default:"1" help:"How fast the customers write: 2 is twice as fast"`
	Once  bool    `help:"Answer once without a visitor, check that everything arrived, and end; so it is where nobody sits at a terminal"`
}

// Validate is called by the parser.
func (c *demoCmd) Validate() error {
	if c.Speed < 0.1 || c.Speed > 100 {
		return badUsage("--speed must lie between 0.1 and 100")
	}
	return nil
}

func (c *demoCmd) Run(e *env) error {
	return demo.Run(e.ctx, demo.Options{
		Data: c.Data, Speed: c.Speed, Once: c.Once || !demo.Interactive(e.in, e.out),
		In: e.in, Out: e.out, View: e.opts, Version: version(),
	})
}
