package trigger

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// maxQuantityLength keeps the exact arithmetic below small whatever is written.
const maxQuantityLength = 64

// quantity is a number with the unit its ending implies, before it is known
// what metric it is compared with.
type quantity struct {
	text string
	// unit is Ratio, Seconds, Bytes or PerSecond, and NoUnit for a plain number.
	unit Unit
	// value is in that unit. It is exact, so that 1.1% of a ratio is the same
	// number that Prometheus means by 0.011.
	value *big.Rat
}

// suffix is the ending of a quantity: how many of a unit one of it is.
type suffix struct {
	unit     Unit
	num, den int64
}

// lookupSuffix knows the endings; decimal multiples of bytes are KB, MB and so
// on (1000), binary ones KiB, MiB (1024).
func lookupSuffix(ending string) (suffix, bool) {
	switch ending {
	case "":
		return suffix{NoUnit, 1, 1}, true
	case "%":
		return suffix{Ratio, 1, 100}, true
	case "us", "µs":
		return suffix{Seconds, 1, 1_000_000}, true
	case "ms":
		return suffix{Seconds, 1, 1000}, true
	case "s":
		return suffix{Seconds, 1, 1}, true
	case "m":
		return suffix{Seconds, 60, 1}, true
	case "h":
		return suffix{Seconds, 3600, 1}, true
	case "d":
		return suffix{Seconds, 86400, 1}, true
	case "/s":
		return suffix{PerSecond, 1, 1}, true
	case "/min":
		return suffix{PerSecond, 1, 60}, true
	case "/h":
		return suffix{PerSecond, 1, 3600}, true
	case "/d":
		return suffix{PerSecond, 1, 86400}, true
	}
	return lookupBytes(ending)
}

func lookupBytes(ending string) (suffix, bool) {
	prefix, ok := strings.CutSuffix(ending, "B")
	if !ok {
		return suffix{}, false
	}
	base := int64(1000)
	if letter, binary := strings.CutSuffix(prefix, "i"); binary && letter != "" {
		base, prefix = 1024, letter
	}
	power := strings.Index("KMGTP", prefix) + 1
	if prefix == "" {
		power = 0
	} else if power == 0 || len(prefix) > 1 {
		return suffix{}, false
	}
	factor := int64(1)
	for range power {
		factor *= base
	}
	return suffix{Bytes, factor, 1}, true
}

// parseQuantity reads a word such as 1%, 0.5, -3e-2, 500ms, 1m30s, 10/min or
// 64MiB. The problem is empty when it succeeded.
func parseQuantity(word string) (q quantity, problem string) {
	if len(word) > maxQuantityLength {
		return q, "is too long for a quantity"
	}
	number, ending := cutNumber(word)
	if number == "" {
		return q, "is not a quantity"
	}
	s, ok := lookupSuffix(ending)
	if !ok {
		if d, ok := parseDuration(word); ok {
			return quantity{word, Seconds, big.NewRat(int64(d), int64(time.Second))}, ""
		}
		return q, "has an unknown unit " + strconv.Quote(ending)
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsInf(f, 0) {
		return q, "is too large"
	}
	value := new(big.Rat)
	// What ParseFloat rounds to zero may have an exponent of any size, which
	// the exact form would spell out digit by digit.
	if f != 0 {
		if _, ok := value.SetString(number); !ok {
			return q, "is not a quantity"
		}
	}
	return quantity{word, s.unit, value.Mul(value, big.NewRat(s.num, s.den))}, ""
}

// cutNumber splits a word behind its number: sign, digits, a fraction, an
// exponent. The number is empty where the word does not begin with one.
func cutNumber(word string) (number, ending string) {
	i := 0
	digits := func() int {
		from := i
		for i < len(word) && word[i] >= '0' && word[i] <= '9' {
			i++
		}
		return i - from
	}
	sign := func() {
		if i < len(word) && (word[i] == '-' || word[i] == '+') {
			i++
		}
	}
	sign()
	found := digits()
	if i < len(word) && word[i] == '.' {
		i++
		found += digits()
	}
	if found == 0 {
		return "", word
	}
	if mantissa := i; i < len(word) && (word[i] == 'e' || word[i] == 'E') {
		i++
		sign()
		if digits() == 0 {
			i = mantissa
		}
	}
	return word[:i], word[i:]
}

// in converts the quantity to a metric's unit; false where it does not fit. A
// plain number is taken to be in the metric's unit, and a metric without a
// unit takes that of the quantity.
func (q quantity) in(u Unit) (float64, bool) {
	value := new(big.Rat).Set(q.value)
	switch {
	case q.unit == NoUnit || u == NoUnit || q.unit == u:
	case q.unit == Ratio && u == Percent:
		value.Mul(value, big.NewRat(100, 1))
	case q.unit == Seconds && u == Milliseconds:
		value.Mul(value, big.NewRat(1000, 1))
	default:
		return 0, false
	}
	f, _ := value.Float64()
	return f, true
}

// parseDuration reads a duration as Prometheus writes them: whole numbers with
// y, w, d, h, m, s and ms, the larger first, each at most once.
func parseDuration(word string) (time.Duration, bool) {
	const day = 24 * time.Hour
	units := []struct {
		name   string
		length time.Duration
	}{
		{"y", 365 * day},
		{"w", 7 * day},
		{"d", day},
		{"h", time.Hour},
		{"m", time.Minute},
		{"s", time.Second},
		{"ms", time.Millisecond},
	}
	var sum time.Duration
	for rest := word; ; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil {
			return 0, false
		}
		rest = rest[digits:]
		name := rest[:len(rest)-len(strings.TrimLeft(rest, "ywdhms"))]
		for len(units) > 0 && units[0].name != name {
			units = units[1:]
		}
		if len(units) == 0 || n > int64(math.MaxInt64-sum)/int64(units[0].length) {
			return 0, false
		}
		sum += time.Duration(n) * units[0].length
		units, rest = units[1:], rest[len(name):]
		if rest == "" {
			return sum, true
		}
	}
}
