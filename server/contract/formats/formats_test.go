package formats

import "testing"

func TestFormats(t *testing.T) {
	for format, c := range map[string]struct{ right, wrong []string }{
		"uuid":      {[]string{"7c4e1f1a-3b52-4d8e-9f6a-0b1c2d3e4f50", "7C4E1F1A-3B52-0D8E-0F6A-0B1C2D3E4F50"}, []string{"", "7c4e1f1a3b524d8e9f6a0b1c2d3e4f50", "7c4e1f1a-3b52-4d8e-9f6a-0b1c2d3e4f5g"}},
		"date-time": {[]string{"2026-11-21T09:00:00Z", "2026-11-21T09:00:00.5+01:00"}, []string{"2026-11-21", "2026-11-21 09:00:00Z"}},
		"date":      {[]string{"2024-02-29"}, []string{"2023-02-29", "2024-2-9"}},
		"time":      {[]string{"09:00", "23:59:59", "09:00:00.123456", "09:00:00Z", "09:00+05:30", "09:00:00,5-0800"}, []string{"", "9:00", "24:00", "09:60", "09:00:60", "09:00:00.", "noon", "09:00:00+25:00", "2026-11-21T09:00:00Z"}},
		"email":     {[]string{"ada@example.com"}, []string{"ada", "Ada <ada@example.com>"}},
		"uri":       {[]string{"https://example.com/a?b#c", "urn:a:b"}, []string{"example.com", "http://", "http://a:99999", "http://%zz"}},
		"password":  {[]string{"", "x"}, nil},
		"binary":    {[]string{"\x00"}, nil},
		"int64":     {[]string{"x"}, nil},
	} {
		if !Known(format) {
			t.Errorf("%s is not known", format)
		}
		for _, text := range c.right {
			if err := Check(format, text); err != nil {
				t.Errorf("%s %q: %v", format, text, err)
			}
		}
		for _, text := range c.wrong {
			if Check(format, text) == nil {
				t.Errorf("%s %q passes", format, text)
			}
		}
	}
	if Known("hostname") {
		t.Error("hostname is known")
	}
}
