package datadiff

import (
	"context"
	"fmt"
	"strings"
)

// join has the database compare: it counts keys on each side, and then joins.
func (x *execution) join(ctx context.Context) (*Profile, error) {
	x.step("keys")
	var k [2]keyCounts
	for i := range x.side {
		var err error
		if k[i], err = x.countKeys(ctx, Side(i), ""); err != nil {
			return nil, onSide(err, Side(i))
		}
		x.setKeys(Side(i), k[i])
	}
	x.step("values")
	duplicates := k[Left].duplicated+k[Right].duplicated > 0
	rows := x.counts.Keys.TotalRows
	ratio := x.spec.Sampling.ratio(rows)
	if ratio < 1 || duplicates {
		if err := x.joinKeys(ctx); err != nil {
			return nil, err
		}
		if ratio < 1 && x.spec.Sampling.tooManyBadKeys(x.counts.Keys) {
			ratio = 1
			x.giveUpSampling()
		}
	}
	if err := x.joinValues(ctx, ratio, duplicates); err != nil {
		return nil, err
	}
	if !x.spec.Profile {
		return nil, nil
	}
	x.step("profile")
	return x.profile(ctx)
}

// keyed is a subquery of a side's rows with a whole key: p is 1, k0... the key,
// v0... the values as they are.
func (x *execution) keyed(i Side, distinct bool, more ...string) string {
	s := x.side[i]
	ending, hashed := x.byHash()
	list := append([]string{"1 AS p"}, named(s.keys, "k")...)
	if hashed {
		more = append(more, s.dialect.Md5(s.keyTexts)+" AS kh")
	}
	if distinct {
		list[0] = "DISTINCT 1 AS p"
	} else {
		for j, q := range x.compared {
			list = append(list, fmt.Sprintf("%s AS v%d", s.dialect.Quote(q.column[i].Name), j))
		}
	}
	return "(" + s.query(append(list, more...), s.notNull...) + ending + ")"
}

// byHash says whether the database is to join by a hash of the key.
func (x *execution) byHash() (ending string, ok bool) {
	var columns []Column
	for _, k := range x.keys {
		columns = append(columns, k.column[Left])
	}
	return x.side[Left].dialect.JoinByHash(columns)
}

func (x *execution) on(b string) string {
	var equal []string
	if _, ok := x.byHash(); ok {
		equal = append(equal, "a.kh = "+b+".kh")
	}
	for i := range x.keys {
		equal = append(equal, fmt.Sprintf("a.k%d = %s.k%d", i, b, i))
	}
	return all(equal)
}

// exclusive derives the keys that one side alone has from those of the left.
func (x *execution) exclusive(left int64) {
	k := &x.counts.Keys
	k.Exclusives = Pair{left, k.Distincts[Right] - (k.Distincts[Left] - left)}
}

// joinKeys counts exclusive keys where keys are not unique, or values are not looked
// at in full.
func (x *execution) joinKeys(ctx context.Context) error {
	s := x.side[Left]
	n, err := s.numbers(ctx, "SELECT "+s.dialect.CountIf("b.p IS NULL")+" FROM "+x.keyed(Left, true)+" a LEFT JOIN "+x.keyed(Right, true)+" b ON "+x.on("b"))
	if err != nil {
		return err
	}
	x.exclusive(n[0])
	return nil
}

// joinValues counts differences. In the plain case one pass over a left join gives
// the exclusive keys too, and only the rows that differ are aggregated.
func (x *execution) joinValues(ctx context.Context, ratio float64, duplicates bool) error {
	s := x.side[Left]
	d := s.dialect
	var hard, soft, counts []string
	var places []int
	for j, q := range x.compared {
		differ := "(" + d.Differ(q.column[Left], fmt.Sprintf("a.v%d", j), fmt.Sprintf("b.v%d", j)) + ")"
		if q.soft != nil {
			soft = append(soft, differ)
			continue
		}
		hard = append(hard, differ)
		counts = append(counts, d.CountIf("b.p = 1 AND "+differ))
		places = append(places, j)
	}
	plain := ratio >= 1 && !duplicates
	var more, conditions []string
	if ratio < 1 {
		more = []string{d.Md5(s.keyTexts) + " AS h"}
		conditions = append(conditions, fmt.Sprintf("a.h < %d", limit(ratio)))
	}
	join := " JOIN "
	if plain {
		join = " LEFT JOIN "
	}
	from := " FROM " + x.keyed(Left, false, more...) + " a" + join + x.keyed(Right, false) + " b ON " + x.on("b")
	if duplicates {
		from += " LEFT JOIN (" + x.duplicated(Left) + " UNION " + x.duplicated(Right) + ") d ON " + x.on("d")
		conditions = append(conditions, "d.k0 IS NULL")
	}
	// Rows that differ beyond doubt; those of which that must be decided here are
	// left to it.
	decided := "b.p = 1"
	if len(hard) > 0 {
		decided += " AND (" + strings.Join(hard, " OR ") + ")"
	} else {
		decided += " AND 1 = 0"
	}
	if len(soft) > 0 {
		decided += " AND NOT (" + strings.Join(soft, " OR ") + ")"
	}
	where := conditions
	if plain {
		where = append([]string{"(" + strings.Join(append([]string{"b.p IS NULL"}, hard...), " OR ") + ")"}, conditions...)
	}
	list := append([]string{"count(*)", d.CountIf("b.p IS NULL"), d.CountIf(decided)}, counts...)
	n, err := s.numbers(ctx, "SELECT "+strings.Join(list, ", ")+from+whereAll(where))
	if err != nil {
		return err
	}
	if plain {
		x.exclusive(n[1])
		x.counts.Compared = x.counts.Keys.Distincts[Left] - n[1]
	} else {
		x.counts.Compared = n[0]
	}
	x.counts.RowsDifferent = n[2]
	for i, j := range places {
		x.counts.Differences[j] = n[3+i]
	}
	if ratio < 1 {
		common, err := x.commonRows(ctx, duplicates)
		if err != nil {
			return err
		}
		x.sampled(ratio, common)
	}
	if len(soft) == 0 {
		return nil
	}
	return x.joinSoft(ctx, from, append(conditions, "b.p = 1", "("+strings.Join(soft, " OR ")+")"), hard)
}

func whereAll(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + all(conditions)
}

// duplicated are a side's keys that are not unique.
func (x *execution) duplicated(i Side) string {
	s := x.side[i]
	return x.grouped(s) + " HAVING count(*) > 1"
}

// grouped are a side's keys.
func (x *execution) grouped(s *side) string {
	list := named(s.keys, "k")
	if _, ok := x.byHash(); ok {
		list = append(list, "min("+s.dialect.Md5(s.keyTexts)+") AS kh")
	}
	return s.query(list, s.notNull...) + " GROUP BY " + strings.Join(s.keys, ", ")
}

// commonRows counts the rows that a sample stands for.
func (x *execution) commonRows(ctx context.Context, duplicates bool) (int64, error) {
	k := x.counts.Keys
	if !duplicates {
		return k.Distincts[Left] - k.Exclusives[Left], nil
	}
	groups := func(i Side) string {
		return "(" + x.grouped(x.side[i]) + " HAVING count(*) = 1)"
	}
	n, err := x.side[Left].numbers(ctx, "SELECT count(*) FROM "+groups(Left)+" a JOIN "+groups(Right)+" b ON "+x.on("b"))
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

// joinSoft decides here on what the database cannot: it reads the rows in which a
// value differs that an option may call equal.
func (x *execution) joinSoft(ctx context.Context, from string, conditions, hard []string) error {
	s := x.side[Left]
	flag := "0"
	if len(hard) > 0 {
		flag = "CASE WHEN " + strings.Join(hard, " OR ") + " THEN 1 ELSE 0 END"
	}
	list := []string{flag}
	var places []int
	for j, q := range x.compared {
		if q.soft == nil {
			continue
		}
		a, _ := s.dialect.Text(q.column[Left], q.form, fmt.Sprintf("a.v%d", j))
		b, _ := s.dialect.Text(q.column[Right], q.form, fmt.Sprintf("b.v%d", j))
		list = append(list, a, b)
		places = append(places, j)
	}
	var fields [][]byte
	return s.conn.Read(ctx, "SELECT "+strings.Join(list, ", ")+from+whereAll(conditions), func(line []byte) error {
		fields = Fields(fields, line)
		x.downloaded++
		differs := string(fields[0]) == "1"
		for i, j := range places {
			equal, err := sameField(x.compared[j].soft, fields[1+2*i], fields[2+2*i])
			if err != nil {
				return problem(Invalid, "column %s: %v", x.compared[j].name, err)
			}
			if !equal {
				x.counts.Differences[j]++
				differs = true
			}
		}
		if differs {
			x.counts.RowsDifferent++
		}
		return nil
	})
}

// sameField compares two texts of a column, nil being NULL.
func sameField(soft comparer, a, b []byte) (bool, error) {
	if (a == nil) == (b == nil) && string(a) == string(b) {
		return true, nil
	}
	if soft == nil {
		return false, nil
	}
	return soft(a, b)
}

// profile describes the keys of the rows that one side alone has.
func (x *execution) profile(ctx context.Context) (*Profile, error) {
	var p Profile
	for i := range x.side {
		s, other := x.side[i], Side(1-i)
		list := []string{"count(*)"}
		for j, k := range x.keys {
			key := fmt.Sprintf("a.k%d", j)
			ordered := key
			if !k.form.Datatype.numeric() {
				text, _ := s.dialect.Text(Column{Datatype: String}, Form{Native: true, Datatype: String}, key)
				ordered = text
			}
			list = append(list, "count("+key+")", "count(DISTINCT "+key+")", "min("+ordered+")", "max("+ordered+")")
		}
		query := "SELECT " + strings.Join(list, ", ") + " FROM " + x.keyed(Side(i), false) + " a LEFT JOIN " + x.keyed(other, true) + " b ON " + x.on("b") + " WHERE b.p IS NULL"
		p[i] = map[string]KeyProfile{}
		err := s.conn.Read(ctx, query, func(line []byte) error {
			f := Fields(nil, line)
			total := number(f[0])
			for j, k := range x.keys {
				c := KeyProfile{Total: total, Nulls: total - number(f[1+4*j]), Distinct: number(f[2+4*j]), Min: text(f[3+4*j]), Max: text(f[4+4*j])}
				if d := k.form.Datatype; d.numeric() || d.temporal() || d == Date {
					c.HistogramBins = int(min(c.Distinct, ProfileBins))
				} else {
					c.TopValues = int(min(c.Distinct, ProfileTopValues))
				}
				p[i][k.name] = c
			}
			return nil
		})
		if err != nil {
			return nil, onSide(err, Side(i))
		}
	}
	return &p, nil
}

func text(field []byte) *string {
	if field == nil {
		return nil
	}
	s := string(field)
	return &s
}
