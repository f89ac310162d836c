package bus

import "strings"

// ours are the subjects that go out under a prefix, as patterns. Nothing of that
// may be taken in again. Dead letters are left out: they show themselves by a header.
func ours(prefix string) []string {
	return []string{prefix + ".event.*.*", prefix + ".journal.*"}
}

// overlaps tells whether some subject is matched by both patterns, of whole words
// and *s.
func overlaps(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		if as[i] != bs[i] && as[i] != "*" && bs[i] != "*" {
			return false
		}
	}
	return true
}

// echoes is the pattern of ours that a subject would take in; empty for none.
func (o Options) echoes(subject string) string {
	for _, pattern := range ours(o.Prefix) {
		if overlaps(subject, pattern) {
			return pattern
		}
	}
	return ""
}
