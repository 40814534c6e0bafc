package testenv

import (
	"fmt"
	"time"
)

// Ahead has the pages that are opened from now on believe that it is later
// than the machine's clock says, to the millisecond.
func (b *Browser) Ahead(d time.Duration) {
	b.t.Helper()
	b.call(b.page, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": fmt.Sprintf(`(() => {
		const real = Date;
		window.Date = class extends real {
			constructor(...at) { if (at.length) super(...at); else super(real.now() + %[1]d); }
			static now() { return real.now() + %[1]d; }
		};
	})()`, d.Milliseconds())}, nil)
}
