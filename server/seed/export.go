package seed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage"
)

// preamble begins an exported seed.
const preamble = `# A seed of Understudy: a whole workspace as a file.
# It names no credential, so that it is planted in the workspace of whoever applies
# it. To start a server with it (--seed), give the workspace one: "credential: SECRET".
# Secrets cannot be read back: where one is needed, ******** stands for it.
`

// Export writes a workspace as a seed. Planting it makes the same workspace again,
// but for its secrets.
func (s *Seeder) Export(ctx context.Context, workspace string) ([]byte, error) {
	d, err := s.documents()
	if err != nil {
		return nil, err
	}
	var root *node
	err = s.o.Store.View(ctx, workspace, func(tx storage.ReadTx) (err error) {
		root, err = d.export(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	text, err := write(object("workspaces", &node{kind: isList, items: []*node{root}}))
	if len(text) > MaxBytes {
		return nil, errExport
	}
	return text, err
}

// maxExported is how many values and names the resources of an export may have in all.
const maxExported = 250_000

// errExport refuses an export that is more than a seed may be.
var errExport = &site.Refusal{Kind: site.KindFull, Message: fmt.Sprintf(
	"The workspace is larger than a seed may be: %d MiB of text, or %d values.", MaxBytes>>20, maxExported)}

// object makes an object of a name and its value, and so on. Values that are nil are
// left out.
func object(pairs ...any) *node {
	n := &node{kind: isObject}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		n.set(name, pairs[i+1])
	}
	return n
}

func (n *node) set(name string, value any) {
	var v *node
	switch value := value.(type) {
	case *node:
		v = value
	case string:
		v = &node{kind: isText, text: value}
	case bool:
		v = &node{kind: isTruth, text: strconv.FormatBool(value)}
	case int64:
		v = &node{kind: isNumber, text: strconv.FormatInt(value, 10)}
	case time.Time:
		v = &node{kind: isText, text: value.UTC().Format(timeLayout)}
	}
	if v != nil {
		n.members = append(n.members, member{name: name, value: v})
	}
}

// timeLayout is how a time is written: as the store keeps it, to the microsecond.
const timeLayout = "2006-01-02T15:04:05.000000Z07:00"

func (d *documents) export(tx storage.ReadTx) (*node, error) {
	settings, err := tx.Settings()
	if err != nil {
		return nil, err
	}
	w := object()
	switch {
	case settings.Clock.Frozen:
		w.set(memberClock, object("frozen", true, "now", settings.Clock.At))
	case settings.Clock.Offset != 0:
		w.set(memberClock, object("frozen", false, "offset", settings.Clock.Offset.String()))
	}
	drawn, err := tx.Last(storage.SequenceOfIDs)
	if err != nil {
		return nil, err
	}
	if settings.IDs != (storage.IDs{}) || drawn > 0 {
		ids := object("source", string(settings.IDs.Source))
		if settings.IDs.Source == storage.IDsRandom {
			ids = object("source", idSources[0])
		}
		if settings.IDs.Seed != 0 {
			ids.set("seed", settings.IDs.Seed)
		}
		if drawn > 0 {
			ids.set("drawn", drawn)
		}
		w.set(memberIDs, ids)
	}
	plans, err := d.exportPlans(tx)
	if err != nil {
		return nil, err
	}
	if plans != nil {
		w.set(memberJobs, plans)
	}
	for i := range d.parts {
		part, err := d.parts[i].export(tx)
		if err != nil {
			return nil, err
		}
		if len(part.members) > 0 {
			w.set(d.parts[i].name(), part)
		}
	}
	faults, err := workspace.FaultsOf(tx)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		list := &node{kind: isList}
		for i := range faults {
			fault, err := d.exportFault(&faults[i])
			if err != nil {
				return nil, err
			}
			list.items = append(list.items, fault)
		}
		w.set(memberFaults, list)
	}
	return w, nil
}

func (d *documents) exportFault(f *workspace.Fault) (*node, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("seed: the fault %s: %w", f.Name, err)
	}
	n, err := readJSON(text)
	if err != nil {
		return nil, err
	}
	body := n.without("name")
	body.members = slices.DeleteFunc(body.members, func(m member) bool { return m.value.kind == isObject && len(m.value.members) == 0 && m.name != "do" })
	arrange(body, d.fault, d.fault.BodySchema())
	body.members = append([]member{{name: "name", value: n.get("name")}}, body.members...)
	return body, nil
}

func (p *part) export(tx storage.ReadTx) (*node, error) {
	n := object()
	seen := &tally{implied: map[string]int64{}}
	for _, resource := range p.Resources {
		list, err := p.exportList(tx, resource, "", seen)
		if err != nil {
			return nil, err
		}
		if len(list.items) > 0 {
			n.set(resource.List, list)
		}
	}
	sequences := object()
	for _, s := range p.Sequences {
		last, err := tx.Last(s.Name)
		if err != nil {
			return nil, err
		}
		if last > seen.implied[s.Name] {
			sequences.set(s.Member, last)
		}
	}
	if len(sequences.members) > 0 {
		n.set(memberSequences, sequences)
	}
	return n, nil
}

// tally is what an export came by so far.
type tally struct {
	implied map[string]int64 // how far the sequences come by the numbers in the lists alone
	values  int
}

// exportList writes a list of resources.
func (p *part) exportList(tx storage.ReadTx, resource *Resource, parent string, seen *tally) (*node, error) {
	list := &node{kind: isList}
	exported, err := resource.Export(tx, parent)
	if err != nil {
		return nil, err
	}
	for i := range exported {
		x := &exported[i]
		for _, s := range p.Sequences {
			seen.implied[s.Name] = max(seen.implied[s.Name], s.Of(&Entry{Type: x.Type, Body: x.Body, Own: x.Own}))
		}
		entry, err := p.exportEntry(resource, x, seen)
		if err != nil {
			return nil, err
		}
		for _, within := range resource.Within {
			children, err := p.exportList(tx, within, x.ID, seen)
			if err != nil {
				return nil, err
			}
			if len(children.items) > 0 {
				entry.set(within.List, children)
			}
		}
		list.items = append(list.items, entry)
	}
	return list, nil
}

func (p *part) exportEntry(resource *Resource, x *Exported, seen *tally) (*node, error) {
	text, err := json.Marshal(x.Body)
	if err != nil {
		return nil, fmt.Errorf("seed: a %s cannot be written", resource.Name)
	}
	if seen.values += bytes.Count(text, []byte{','}) + bytes.Count(text, []byte{':'}) + 1; seen.values > maxExported {
		return nil, errExport
	}
	body, err := readJSON(text)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(resource.Creates, func(c Create) bool { return c.Type == x.Type })
	if i < 0 {
		return nil, fmt.Errorf("seed: a %s of unknown type %q", resource.Name, x.Type)
	}
	op := p.creating(resource.Creates[i])
	schema := resource.Creates[i].body(op)
	if resource.Creates[i].Branch {
		body = body.without(typeMember) // it comes first
	}
	for _, property := range op.Declared(schema) {
		if !contract.IsSecret(property.Schema) {
			continue
		}
		body = body.without(property.Name)
		if slices.Contains(schema.Required, property.Name) {
			body.set(property.Name, Placeholder)
		}
	}
	arrange(body, op, schema)
	entry := object()
	if resource.typed() {
		entry.set(typeMember, x.Type)
	}
	entry.members = append(entry.members, body.members...)
	entry.setOwn(resource.Own, x.Own)
	return entry, nil
}

// setOwn adds a resource's own members.
func (n *node) setOwn(members []Member, values Values) {
	for _, m := range members {
		switch value := values[m.Name].(type) {
		case Values:
			inner := object()
			inner.setOwn(m.Members, value)
			n.set(m.Name, inner)
		case time.Time:
			if !value.IsZero() {
				n.set(m.Name, value)
			}
		case nil:
		default:
			n.set(m.Name, value)
		}
	}
}
