package datadiff

import "strings"

// Comment is the length of the comment that a text of SQL begins with; 0 if it begins
// with none.
func Comment(sql string) int {
	switch {
	case strings.HasPrefix(sql, "--"):
		return upTo(sql, "\n", 2)
	case strings.HasPrefix(sql, "/*"):
		return upTo(sql, "*/", 2)
	}
	return 0
}

// Quoted is the length of the quoted text that a text of SQL begins with; 0 if it begins
// with none.
func Quoted(sql string) int {
	if sql == "" || strings.IndexByte("'\"`", sql[0]) < 0 {
		return 0
	}
	return upTo(sql, sql[:1], 1)
}

// upTo is the length of a text up to the end of what began with so many bytes.
func upTo(text, end string, begun int) int {
	if i := strings.Index(text[begun:], end); i >= 0 {
		return begun + i + len(end)
	}
	return len(text)
}
