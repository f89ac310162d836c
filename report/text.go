package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/common/model"
)

// NotKnown stands wherever the record does not say. It is never a zero.
const NotKnown = "not known"

// Visible makes a text from outside safe to look at: control characters, ANSI
// escapes and what turns the direction of writing around are shown as what they
// are instead of taking effect. Line breaks and tabs stay.
func Visible(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		raw := text[:size]
		text = text[size:]
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r == '\r' && strings.HasPrefix(text, "\n"): // a line's end as Windows writes it
		case r < ' ':
			b.WriteRune('␀' + r)
		case r == 0x7f:
			b.WriteRune('␡')
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, "⟨%02X⟩", raw[0])
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs):
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// line is a text from outside on one line.
func line(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(Visible(text), "\n", " ⏎ ")), " ")
}

// The longest output that a report shows, in bytes and lines: its end, where the
// mistake usually is.
const (
	maxOutput = 6000
	maxLines  = 80
)

// ending is the end of an output, with a note of what was left out.
func ending(output string) (shown, note string) {
	shown = Visible(output)
	whole := shown
	if len(shown) > maxOutput {
		cut := len(shown) - maxOutput
		for !utf8.RuneStart(shown[cut]) {
			cut++
		}
		shown = shown[cut:]
	}
	shown = strings.TrimRight(shown, "\n")
	if lines := strings.Split(shown, "\n"); len(lines) > maxLines {
		shown = strings.Join(lines[len(lines)-maxLines:], "\n")
	}
	if left := len(strings.TrimRight(whole, "\n")) - len(shown); left > 0 {
		note = fmt.Sprintf("The first %d bytes are left out; rollbackd show ID -o json has all that was kept.", left)
	}
	return shown, note
}

// instant is a time as people read it; NotKnown for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return NotKnown
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// clockTime is the time of day, for where the date is known.
func clockTime(t time.Time) string { return t.UTC().Format("15:04:05") }

// offset is a time since the opening, with its sign: +2:05.
func offset(seconds float64) string {
	sign := "+"
	if seconds < 0 {
		sign, seconds = "−", -seconds
	}
	whole := int64(math.Round(seconds)) // as lengths of time are written beside it
	if h := whole / 3600; h > 0 {
		return fmt.Sprintf("%s%d:%02d:%02d", sign, h, whole%3600/60, whole%60)
	}
	return fmt.Sprintf("%s%d:%02d", sign, whole/60, whole%60)
}

// span is a length of time in a few words: 2m5s; fractions only below ten seconds,
// and never a zero for what took a moment.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return NotKnown
	case d > 0 && d < time.Millisecond:
		return "<1ms"
	case d > 0 && d < 100*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return strconv.FormatFloat(math.Round(d.Seconds()*10)/10, 'f', -1, 64) + "s"
	}
	return model.Duration(d.Round(time.Second)).String()
}

// seconds is a number of seconds as a length of time; NotKnown for nil.
func seconds(v *float64) string {
	if v == nil {
		return NotKnown
	}
	return span(time.Duration(*v * float64(time.Second)))
}

// count is a number of things, with its thousands apart; NotKnown for nil.
func count(v *float64) string {
	if v == nil || math.IsNaN(*v) || math.IsInf(*v, 0) {
		return NotKnown
	}
	digits := strconv.FormatFloat(math.Round(*v), 'f', 0, 64)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// yesNo is an answer; NotKnown for nil.
func yesNo(v *bool) string {
	switch {
	case v == nil:
		return NotKnown
	case *v:
		return "yes"
	}
	return "no"
}
