package sqlite

import (
	"strings"

	"cloister/internal/store"
)

// clause gathers conditions and their arguments.
type clause struct {
	text []string
	args []any
}

func (c *clause) and(cond string, args ...any) {
	c.text = append(c.text, cond)
	c.args = append(c.args, args...)
}

func (c *clause) scope(t string, s store.Scope) {
	c.and(t+"partition = ? and "+t+"account = ? and "+t+"region = ?", s.Partition, s.Account, s.Region)
}

// between narrows column col to what begins with prefix and lies between after and before. Each side has one bound, the narrower: of
// two, SQLite seeks by one and steps over all that the other leaves out.
func (c *clause) between(col, prefix, after, before string) {
	switch {
	case after != "" && after >= prefix:
		c.and(col+" > ?", after)
	case prefix != "":
		c.and(col+" >= ?", prefix)
	}
	if end := successor(prefix); prefix != "" && end != "" && (before == "" || end < before) {
		before = end
	}
	if before != "" {
		c.and(col+" < ?", before)
	}
}

func (c *clause) where() string {
	if len(c.text) == 0 {
		return ""
	}
	return " where " + strings.Join(c.text, " and ")
}

// limit adds the limit of a query, 0 being none.
func (c *clause) limit(n int) string {
	if n <= 0 {
		return ""
	}
	c.args = append(c.args, n)
	return " limit ?"
}

// successor gives the least string that sorts after all strings beginning with prefix; empty if there is none.
func successor(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}

// listSQL walks the primary key of rows, the index by kind (AnyScope), or the terms first if one is asked for ("cross join"
// fixes that order). The order is by id; equal ids of several scopes follow by scope.
func listSQL(q store.Query) (string, []any) {
	const columns = "select r.partition, r.account, r.region, r.id, r.version, r.updated, r.value from "
	from, t := "rows r", "r."
	var c clause
	if q.Term.Name != "" {
		from, t = `terms t cross join rows r on r.partition = t.partition and r.account = t.account and r.region = t.region
			and r.kind = t.kind and r.id = t.id`, "t."
		c.and("t.name = ? and t.value = ?", q.Term.Name, q.Term.Value)
	}
	c.and(t+"kind = ?", q.Kind)
	if !q.AnyScope {
		c.scope(t, q.Scope)
	}
	c.between(t+"id", q.Prefix, q.After, q.Before)
	dir := ""
	if q.Reverse {
		dir = " desc"
	}
	order := " order by " + t + "id" + dir
	if q.AnyScope {
		order += ", " + t + "partition" + dir + ", " + t + "account" + dir + ", " + t + "region" + dir
	}
	return columns + from + c.where() + order + c.limit(q.Limit), c.args
}

// taggedSQL picks the ARNs first and then all tags of each.
func taggedSQL(q store.TagQuery) (string, []any) {
	var c clause
	c.scope("", q.Scope)
	if q.Key != "" {
		c.and("key = ?", q.Key)
	}
	if q.Value != "" {
		c.and("value = ?", q.Value)
	}
	c.between("arn", q.Prefix, q.After, "")
	return "select arn, key, value from tags where arn in (select distinct arn from tags" + c.where() +
		" order by arn" + c.limit(q.Limit) + ") order by arn, key", c.args
}

// trailSQL reads events in the order of their sequence; but for the span of it, it walks the trail.
func trailSQL(q store.TrailQuery) (string, []any) {
	var c clause
	if q.AfterSeq > 0 {
		c.and("seq > ?", q.AfterSeq)
	}
	if q.BeforeSeq > 0 {
		c.and("seq < ?", q.BeforeSeq)
	}
	if q.Account != "" {
		c.and("recipient = ?", q.Account)
	}
	if q.Name != "" {
		c.and("name = ?", q.Name)
	}
	c.span(q)
	order := " order by seq"
	if q.Reverse {
		order += " desc"
	}
	return "select seq, event from trail" + c.where() + order + c.limit(q.Limit), c.args
}

func (c *clause) span(q store.TrailQuery) {
	if !q.From.IsZero() {
		c.and("time >= ?", q.From.UnixMicro())
	}
	if !q.To.IsZero() {
		c.and("time <= ?", q.To.UnixMicro())
	}
}
