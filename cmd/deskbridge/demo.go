package main

import (
	"github.com/deskbridge/deskbridge/internal/demo"
)

type demoCmd struct {
	Data  string  `placeholder:"DIR" type:"path" help:"Keep the store in this folder; by default it is temporary and removed at the end"`
	Speed float64 `default:"1" help:"How fast the customers write: 2 is twice as fast"`
	Open  bool    `help:"Open the browser of this machine, too; by default the address is printed"`
	Once  bool    `help:"Play once without a visitor, show what happens, check that everything arrived, and end"`
}

// Validate is called by the parser.
func (c *demoCmd) Validate() error {
	if c.Speed < 0.1 || c.Speed > 100 {
		return badUsage("--speed must lie between 0.1 and 100")
	}
	if c.Open && c.Once {
		return badUsage("--once plays without a visitor: leave out --open")
	}
	return nil
}

func (c *demoCmd) Run(e *env) error {
	return demo.Run(e.ctx, demo.Options{
		Data: c.Data, Speed: c.Speed, Open: c.Open, Once: c.Once, Out: e.out, View: e.opts, Version: version(),
	})
}
