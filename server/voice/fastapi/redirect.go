package fastapi

import (
	"fmt"
	"strings"
)

// kept are the bytes that Starlette's RedirectResponse does not escape in a Location,
// beside letters and digits: those of Python's urllib.parse.quote, and what it names.
const kept = "_.-~" + ":/%#?=@[]!$&'()*+,;"

// Location is the address that a redirect leads to, as Starlette writes it.
func Location(address string) string {
	var b strings.Builder
	for i := range len(address) {
		c := address[i]
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte(kept, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
