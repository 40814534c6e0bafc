package email

import (
	"fmt"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

var _ channel.Addresser = (*Email)(nil)

// Address reads what an agent typed: "zhang@example.cn", or with a name
// "Zhang Wei <zhang@example.cn>".
func (e *Email) Address(typed string) (normalize.Address, error) {
	a, ok := parseAddress(typed)
	if !ok {
		return normalize.Address{}, fmt.Errorf("%q is not an e-mail address such as zhang@example.cn", typed)
	}
	return a, nil
}
