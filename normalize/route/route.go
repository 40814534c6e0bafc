// Package route decides by rules of the administrator which conversations a
// helpdesk gets. A rule is an expression of expr-lang (https://expr-lang.org)
// over the first message of a conversation; of that language it may use what
// ends soon on any input.
package route

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// Otherwise is the rule of a helpdesk that gets what no other rule takes.
const Otherwise = "otherwise"

const (
	// maxRule bounds a rule, in bytes, maxNodes the parts that it is made of.
	maxRule  = 4 << 10
	maxNodes = 500
	// maxPattern bounds the program of a pattern; the work of a match is its
	// product with the length of the text.
	maxPattern = 2000
	// maxText is how much of a text a rule sees, in bytes.
	maxText = 16 << 10
)

// Facts are what a rule can ask for.
type Facts struct {
	Channel Channel `expr:"channel"`
	Address Address `expr:"address"`
	Subject string  `expr:"subject"`
	Text    string  `expr:"text"`
	// Language is the ISO 639-1 code of the language of the first message, ""
	// where it is not known.
	Language string `expr:"language"`
	// Tags are those of the conversation when the rule is asked.
	Tags []string `expr:"tags"`
}

// Channel is the account on which the conversation is.
type Channel struct {
	Name string `expr:"name"`
	Type string `expr:"type"`
}

// Address is the customer's.
type Address struct {
	Kind  string `expr:"kind"`
	Value string `expr:"value"`
}

// names are those that a rule can use, for advice.
var names = []string{"channel.name", "channel.type", "address.kind", "address.value", "subject", "text", "language", "tags"}

// Error is a mistake in a rule. Line and Column count from 1, in characters.
type Error struct {
	Line, Column int
	Msg          string
}

func (e *Error) Error() string { return e.Msg }

// Rule is a compiled rule. It may be used by several at once.
type Rule struct {
	source  string
	program *vm.Program // nil for Otherwise
}

// Compile checks a rule. Its error is an *Error.
func Compile(source string) (*Rule, error) {
	r := &Rule{source: strings.TrimSpace(source)}
	if r.source == Otherwise {
		return r, nil
	}
	if len(source) > maxRule {
		return nil, &Error{1, 1, fmt.Sprintf("a rule has %d bytes at most", maxRule)}
	}
	g := &guard{}
	options := []expr.Option{expr.Env(Facts{}), expr.AsBool(), expr.MaxNodes(maxNodes), expr.Patch(g), expr.DisableAllBuiltins()}
	for _, f := range functions {
		options = append(options, expr.EnableBuiltin(f))
	}
	program, err := expr.Compile(source, options...)
	switch {
	case g.err != nil:
		return nil, located(source, g.err)
	case err != nil:
		return nil, explain(source, err)
	}
	r.program = program
	return r, nil
}

// Otherwise reports whether the rule is that for the rest.
func (r *Rule) Otherwise() bool { return r.program == nil }

// String returns the rule as it was written.
func (r *Rule) String() string { return r.source }

// Match reports whether a conversation with these facts is the helpdesk's.
// The rule for the rest matches nothing by itself.
func (r *Rule) Match(f Facts) (bool, error) {
	if r.program == nil {
		return false, nil
	}
	f.Subject, f.Text = head(f.Subject), head(f.Text)
	out, err := expr.Run(r.program, f)
	if err != nil {
		if e, ok := errors.AsType[*file.Error](err); ok {
			err = errors.New(e.Message) // without the picture of the rule
		}
		return false, err
	}
	yes, _ := out.(bool) // as compiled
	return yes, nil
}

// head returns the beginning of a long text, with whole characters.
func head(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "")
}

// functions and operators are those whose work does not grow faster than the
// text: nothing multiplies texts or makes long lists.
var (
	functions = []string{"lower", "upper", "trim", "len", "any", "all", "none"}
	operators = []string{"==", "!=", "<", "<=", ">", ">=", "&&", "||", "and", "or", "in", "contains", "startsWith", "endsWith", "matches"}
)

// guard refuses what could take long. It visits a node after those below it.
type guard struct{ err *misuse }

type misuse struct {
	at  file.Location
	msg string
}

func (g *guard) Visit(n *ast.Node) {
	refuse := func(format string, args ...any) {
		if g.err == nil {
			g.err = &misuse{(*n).Location(), fmt.Sprintf(format, args...)}
		}
	}
	switch n := (*n).(type) {
	case *ast.BinaryNode:
		if !slices.Contains(operators, n.Operator) {
			refuse("%q is not for rules: there are %s", n.Operator, strings.Join(operators, " "))
		}
		if n.Operator == "matches" {
			pattern, ok := n.Right.(*ast.StringNode)
			if !ok {
				refuse("the pattern of matches must stand in quotes")
				return
			}
			if err := checkPattern(pattern.Value); err != nil {
				refuse("%v", err)
			}
		}
	case *ast.PredicateNode:
		inner := n.Node
		ast.Walk(&inner, visit(func(n ast.Node) {
			if _, nested := n.(*ast.PredicateNode); nested {
				refuse("any, all and none cannot stand within each other")
			}
		}))
	}
}

type visit func(n ast.Node)

func (v visit) Visit(n *ast.Node) { v(*n) }

func checkPattern(p string) error {
	tree, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		return fmt.Errorf("the pattern cannot be read: %v", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return errors.New("the pattern cannot be read")
	}
	if len(prog.Inst) > maxPattern {
		return errors.New("the pattern is too large: repeat less in it")
	}
	return nil
}
