package action

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	// How much of an output a Result holds.
	tailSize = 4 << 10
	// Read beyond it, so that a secret at the edge is seen whole before
	// the text is cut.
	slack = 64 << 10
	// The longest Error.
	lineSize = 1 << 10
	// An almost empty secret must not mask every text.
	shortestSecret = 4
	hidden         = "<secret>"
)

// mask hides the secrets that one attempt knows, and those that the daemon knows.
// It is safe for concurrent use.
type mask struct {
	outer func(string) string

	mu      sync.Mutex
	secrets []string // the longest first
}

func newMask(outer func(string) string) *mask { return &mask{outer: outer} }

// add makes a secret known, also as it looks in base64, in a URL, and without
// the scheme's word ("Bearer …").
func (m *mask) add(secret string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	words := []string{secret}
	if _, token, ok := strings.Cut(secret, " "); ok {
		words = append(words, strings.TrimSpace(token))
	}
	for _, w := range words {
		if len(w) < shortestSecret {
			continue
		}
		m.secrets = append(m.secrets, w, url.QueryEscape(w), url.PathEscape(w),
			base64.StdEncoding.EncodeToString([]byte(w)), base64.RawStdEncoding.EncodeToString([]byte(w)),
			base64.URLEncoding.EncodeToString([]byte(w)), base64.RawURLEncoding.EncodeToString([]byte(w)))
	}
	slices.SortFunc(m.secrets, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	m.secrets = slices.Compact(m.secrets)
}

func (m *mask) hide(text string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.secrets {
		text = strings.ReplaceAll(text, s, hidden)
	}
	return m.outer(text)
}

// tail is the end of an output, as a Result may hold it.
func (m *mask) tail(text string) string {
	text = m.clean(text)
	if len(text) <= tailSize {
		return text
	}
	text = text[len(text)-tailSize:]
	for len(text) > 0 && !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return text
}

// line is a message on one line, as a Result may hold it.
func (m *mask) line(text string) string {
	text = strings.Join(strings.FieldsFunc(m.clean(text), func(r rune) bool { return r == '\n' }), "; ")
	return head(text, lineSize)
}

// clean hides secrets twice: a secret may have been written in colours, and shows
// only once those are gone.
func (m *mask) clean(text string) string { return m.hide(harmless(m.hide(text))) }

// head is the beginning of a text, cut between characters.
func head(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}

// harmless makes a text safe to print on a terminal and to put into JSON: valid
// UTF-8, no escape sequences, no control characters but tab and newline, nothing
// that turns the direction of writing.
func harmless(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n")
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case c == 0x1b:
			size = escapeLength(text[i:])
		case c == '\r':
			b.WriteByte('\n')
		case c == '\n' || c == '\t':
			b.WriteRune(c)
		case unicode.IsControl(c), unicode.Is(unicode.Bidi_Control, c):
			b.WriteRune('\uFFFD')
		default:
			b.WriteRune(c)
		}
		i += size
	}
	return b.String()
}

// escapeLength is how many bytes an escape sequence at the beginning of text has:
// CSI (colours, cursor), OSC (titles, links), or ESC and one character.
func escapeLength(text string) int {
	if len(text) < 2 {
		return len(text)
	}
	switch text[1] {
	case '[':
		for i := 2; i < len(text); i++ {
			if text[i] >= 0x40 && text[i] <= 0x7e {
				return i + 1
			}
			if text[i] < 0x20 || text[i] > 0x7e {
				return i // not a sequence after all: keep what follows
			}
		}
		return len(text)
	case ']':
		for i := 2; i < len(text); i++ {
			if text[i] == 0x07 {
				return i + 1
			}
			if text[i] == 0x1b || text[i] == '\n' {
				return i
			}
		}
		return len(text)
	default:
		_, size := utf8.DecodeRuneInString(text[1:])
		return 1 + size
	}
}
