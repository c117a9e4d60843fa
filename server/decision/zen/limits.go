package zen

import "context"

// Limits bound what an expression may cost, so that a hostile one ends in an
// error (see [ErrLimit]) instead of in exhausted memory or time. A zero field
// stands for its default.
type Limits struct {
	// Source is the length of an expression in bytes (4 MiB).
	Source int
	// Tokens are the words and signs of an expression (400,000; one takes some 200
	// bytes until it is compiled).
	Tokens int
	// Nesting is how deep expressions may stand in each other (1,000).
	Nesting int
	// Steps is how often closures may look at an element and functions at a piece of
	// their input, per evaluation (10 million).
	Steps int64
	// Elements is how many elements of arrays and members of objects may be made,
	// per evaluation (4 million; one takes 24 bytes and more).
	Elements int64
	// Bytes is how much text may be made, per evaluation (64 MiB).
	Bytes int64
}

// DefaultLimits returns the limits that hold where none are given.
func DefaultLimits() Limits {
	return Limits{Source: 4 << 20, Tokens: 400_000, Nesting: 1000, Steps: 10_000_000, Elements: 4_000_000, Bytes: 64 << 20}
}

var defaultLimits = DefaultLimits()

func (l Limits) orDefault() Limits {
	fill(&l.Source, defaultLimits.Source)
	fill(&l.Tokens, defaultLimits.Tokens)
	fill(&l.Nesting, defaultLimits.Nesting)
	fill(&l.Steps, defaultLimits.Steps)
	fill(&l.Elements, defaultLimits.Elements)
	fill(&l.Bytes, defaultLimits.Bytes)
	return l
}

func fill[T int | int64](field *T, standard T) {
	if *field <= 0 {
		*field = standard
	}
}

// Budget is what is left of the limits when several evaluations share them. It
// belongs to one goroutine at a time.
type Budget struct {
	limits                 *Limits
	steps, elements, bytes int64
	// Where it turns large: what is then left of elements and bytes.
	largeElements, largeBytes int64
	enlarge                   func(context.Context) error // until it was called; nil for none
}

// An evaluation is large from so many elements, or bytes of text, on.
const (
	largeFromElements = 100_000
	largeFromBytes    = 4 << 20
)

// Share makes the budget one of those that share what memory there is: enlarge is called
// once it turns large, to wait for its turn.
func (b *Budget) Share(enlarge func(context.Context) error) {
	b.enlarge = enlarge
	b.largeElements, b.largeBytes = b.limits.Elements-largeFromElements, b.limits.Bytes-largeFromBytes
}

func (b *Budget) enter(ctx context.Context) error {
	if b.enlarge == nil {
		return nil
	}
	if ctx == nil {
		ctx = context.Background()
	}
	if err := b.enlarge(ctx); err != nil {
		return ended(err)
	}
	b.enlarge = nil
	return nil
}

// NewBudget returns a budget of all that the limits allow.
func NewBudget(limits Limits) *Budget {
	limits = limits.orDefault()
	b := &Budget{}
	b.fill(&limits)
	return b
}

func (b *Budget) fill(limits *Limits) {
	b.limits = limits
	b.steps, b.elements, b.bytes = limits.Steps, limits.Elements, limits.Bytes
	b.largeElements, b.largeBytes, b.enlarge = 0, 0, nil
}
