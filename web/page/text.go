package page

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// visible makes what a reader cannot see, or what would steer their screen, into
// something that they can see: an escape character becomes its picture, and what
// turns the direction of text its number.
func visible(page []byte) []byte {
	if !bytes.ContainsFunc(page, hidden) {
		return page
	}
	var b bytes.Buffer
	b.Grow(len(page) + 64)
	for len(page) > 0 {
		r, size := utf8.DecodeRune(page)
		switch {
		case !hidden(r):
			b.Write(page[:size])
		case r < ' ':
			b.WriteRune('␀' + r)
		case r == 0x7f:
			b.WriteRune('␡')
		default:
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		}
		page = page[size:]
	}
	return b.Bytes()
}

// hidden tells whether a character must not reach a page as it is.
func hidden(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Cf, r) && r != '\u200d'
}

// span is a length of time as people say it: "45s", "3m 12s", "2h 5m", "4d 3h".
func span(d time.Duration) string {
	if d > 0 && d < time.Second {
		return "<1s"
	}
	d = d.Round(time.Second)
	switch {
	case d < 0:
		return "-" + span(-d)
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return two(d/time.Minute, "m", d%time.Minute/time.Second, "s")
	case d < 24*time.Hour:
		return two(d/time.Hour, "h", d%time.Hour/time.Minute, "m")
	}
	return two(d/(24*time.Hour), "d", d%(24*time.Hour)/time.Hour, "h")
}

func two(n time.Duration, unit string, m time.Duration, smaller string) string {
	if m == 0 {
		return fmt.Sprintf("%d%s", n, unit)
	}
	return fmt.Sprintf("%d%s %d%s", n, unit, m, smaller)
}

// ago is how long ago something was, as roughly as it stays true for a while: a
// page whose words change every second is news every second.
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case d < -time.Minute:
		return "in " + span((-d).Truncate(time.Minute))
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return span(d.Truncate(time.Minute)) + " ago"
	case d < 24*time.Hour:
		return span(d.Truncate(time.Minute)) + " ago"
	default:
		return span(d.Truncate(time.Hour)) + " ago"
	}
}

// Instant is a time on the page. The zero value is no time.
type Instant struct {
	// Machine is for programs, Text for people: UTC, with the day where it is not
	// today, Ago how long ago it was.
	Machine, Text, Ago string
}

// instant is a time as the page shows it; the zero value for none.
func instant(t, now time.Time) Instant {
	if t.IsZero() {
		return Instant{}
	}
	t, now = t.UTC(), now.UTC()
	layout := "2006-01-02 15:04:05"
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		layout = "15:04:05"
	}
	return Instant{Machine: t.Format(time.RFC3339), Text: t.Format(layout), Ago: ago(t, now)}
}

// brief is the beginning of a text, of at most so many characters.
func brief(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}

// full is how full a window is, in words.
func full(percent int) string {
	if percent >= 100 {
		return "window full"
	}
	return fmt.Sprintf("window %d%% full", percent)
}

// counted is a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// words writes a name of ours as people read it: rolling_back, "rolling back".
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// percent is a share of one in whole percent; what is under way is never shown as
// complete.
func percent(share float64) int {
	switch {
	case share >= 1:
		return 100
	case share <= 0 || math.IsNaN(share):
		return 0
	}
	return min(int(share*100), 99)
}
