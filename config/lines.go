package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// foundKey is one key as a file spells it, in the order of the file.
type foundKey struct {
	// Key is the whole key without array indexes, as toml.MetaData.Keys has it.
	Key []string
	// Line counts from 1.
	Line int
}

// scanner finds the line of every key of a file that is known to be valid TOML.
// It exists because the TOML library's own positions are wrong for arrays of
// tables. It reads strings only as far as it must to find their ends.
type scanner struct {
	src       string
	pos, line int
	// lines is the line of each path, that of its first mention.
	lines map[string]int
	// arrays counts the elements so far of each array of tables.
	arrays map[string]int
	found  []foundKey
	// newer is what TOML 1.0 does not have and the library takes all the same.
	newer []newerTOML
}

// newerTOML is something of a later TOML than 1.0, which other readers of the
// same file, and other versions of this one, would refuse.
type newerTOML struct {
	line int
	text string
}

// scan reads src, which must be valid TOML for the result to mean something.
func scan(src string) *scanner {
	s := &scanner{src: strings.TrimPrefix(src, "\ufeff"), line: 1, lines: map[string]int{}, arrays: map[string]int{}}
	s.document()
	return s
}

// scanLines gives the line of each key path of src, and the keys in order.
func scanLines(src string) (map[string]int, []foundKey) {
	s := scan(src)
	return s.lines, s.found
}

func (s *scanner) notIn10(line int, text string) {
	s.newer = append(s.newer, newerTOML{line: line, text: text})
}

// place is a table being filled: its path with indexes and its key without.
type place struct {
	at   *path
	keys []string
}

func (p place) key(name string) place {
	return place{at: p.at.key(name), keys: append(slices.Clip(p.keys), name)}
}

func (p place) index(i int) place { return place{at: p.at.index(i), keys: p.keys} }

func (s *scanner) document() {
	var table place
	for {
		s.skipBlank()
		start := s.pos
		switch s.peek() {
		case 0:
			if s.pos >= len(s.src) {
				return
			}
		case '[':
			table = s.header()
		default:
			s.keyValue(table)
		}
		if s.pos == start {
			// Not TOML; the decoder has said so. Move on so as to end.
			s.pos++
		}
	}
}

// header reads [a.b] or [[a.b]]. A name on the way that is an array of tables
// means its last element.
func (s *scanner) header() place {
	line := s.line
	s.pos++
	array := s.accept('[')
	keys := s.dotted()
	s.accept(']')
	if array {
		s.accept(']')
	}
	var at place
	for i, k := range keys {
		at = at.key(k)
		s.note(at, line)
		last := i == len(keys)-1
		if last && array {
			s.arrays[at.at.text]++
		}
		if n := s.arrays[at.at.text]; n > 0 {
			at = at.index(n - 1)
			s.note(at, line)
		}
	}
	if len(keys) > 0 {
		s.found = append(s.found, foundKey{Key: at.keys, Line: line})
	}
	return at
}

func (s *scanner) keyValue(table place) {
	line := s.line
	at := table
	keys := s.dotted()
	for _, k := range keys {
		at = at.key(k)
		s.note(at, line)
	}
	if len(keys) > 0 {
		s.found = append(s.found, foundKey{Key: at.keys, Line: line})
	}
	s.skipSpace()
	if s.accept('=') && len(keys) > 0 {
		s.value(at)
	}
}

func (s *scanner) note(at place, line int) {
	if _, known := s.lines[at.at.text]; !known {
		s.lines[at.at.text] = line
	}
}

func (s *scanner) value(at place) {
	s.skipSpace()
	switch s.peek() {
	case '"', '\'':
		s.str()
	case '[':
		s.array(at)
	case '{':
		s.inlineTable(at)
	default:
		for s.pos < len(s.src) && !strings.ContainsRune(",]}#\r\n", rune(s.src[s.pos])) {
			s.pos++
		}
	}
}

func (s *scanner) array(at place) {
	s.pos++
	for i := 0; ; i++ {
		s.skipBlank()
		if s.pos >= len(s.src) || s.accept(']') {
			return
		}
		start := s.pos
		element := at.index(i)
		s.note(element, s.line)
		s.value(element)
		s.skipBlank()
		s.accept(',')
		if s.pos == start {
			return
		}
	}
}

func (s *scanner) inlineTable(at place) {
	s.pos++
	opened, broken, comma := s.line, false, false
	// Lines may end within a value of the table, such as an array, not between.
	skip := func() {
		before := s.line
		s.skipBlank()
		broken = broken || s.line != before
	}
	defer func() {
		if broken {
			s.notIn10(opened, "an inline table must end on the line where it begins (TOML 1.0): write it on one line, or as a [table] of its own")
		}
	}()
	for {
		skip()
		if s.pos >= len(s.src) {
			return
		}
		line := s.line
		if s.accept('}') {
			if comma && !broken {
				s.notIn10(line, "TOML 1.0 has no comma after the last key of an inline table")
			}
			return
		}
		start := s.pos
		s.keyValue(at)
		skip()
		comma = s.accept(',')
		if s.pos == start {
			return
		}
	}
}

// dotted reads a key: a, a.b, "a b".c.
func (s *scanner) dotted() []string {
	var keys []string
	for {
		s.skipSpace()
		switch s.peek() {
		case '"', '\'':
			keys = append(keys, s.str())
		default:
			start := s.pos
			for s.pos < len(s.src) && bareRune(rune(s.src[s.pos])) {
				s.pos++
			}
			if s.pos == start {
				return keys
			}
			keys = append(keys, s.src[start:s.pos])
		}
		s.skipSpace()
		if !s.accept('.') {
			return keys
		}
	}
}

// str reads a string of any of the four kinds; what it returns is meant for
// keys, which have only the two of one line.
func (s *scanner) str() string {
	quote := s.src[s.pos : s.pos+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s.src[s.pos:], triple) {
		s.multiline(triple)
		return ""
	}
	s.pos++
	start := s.pos
	for s.pos < len(s.src) && s.src[s.pos] != quote[0] && s.src[s.pos] != '\n' {
		if s.src[s.pos] == '\\' && quote == `"` {
			s.pos++
			s.checkEscape()
		}
		s.pos++
	}
	s.pos = min(s.pos, len(s.src))
	text := s.src[start:s.pos]
	s.accept(quote[0])
	if quote == `"` {
		return unescape(text)
	}
	return text
}

func (s *scanner) multiline(triple string) {
	s.pos += 3
	for s.pos < len(s.src) && !strings.HasPrefix(s.src[s.pos:], triple) {
		if s.src[s.pos] == '\\' && triple[0] == '"' && s.pos+1 < len(s.src) && s.src[s.pos+1] != '\n' {
			s.pos++
			s.checkEscape()
		}
		if s.pos < len(s.src) && s.src[s.pos] == '\n' {
			s.line++
		}
		s.pos++
	}
	s.pos = min(s.pos+3, len(s.src))
	// One or two quotes may stand right before the closing three.
	for range 2 {
		s.accept(triple[0])
	}
}

// checkEscape looks at the letter after a backslash.
func (s *scanner) checkEscape() {
	if c := s.peek(); c == 'e' || c == 'x' {
		s.notIn10(s.line, fmt.Sprintf("TOML 1.0 has no escape \\%c: write \\u and four digits", c))
	}
}

func (s *scanner) peek() byte {
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

func (s *scanner) accept(c byte) bool {
	if s.peek() != c || s.pos >= len(s.src) {
		return false
	}
	s.pos++
	return true
}

// skipSpace skips blanks within a line.
func (s *scanner) skipSpace() {
	for s.peek() == ' ' || s.peek() == '\t' {
		s.pos++
	}
}

// skipBlank skips blanks, line ends and comments.
func (s *scanner) skipBlank() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\r':
		case '\n':
			s.line++
		case '#':
			for s.pos < len(s.src) && s.src[s.pos] != '\n' {
				s.pos++
			}
			continue
		default:
			return
		}
		s.pos++
	}
}

// unescape resolves the escapes of a basic string. What it does not know stays
// as it is: the decoder has refused such a file already.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	simple := map[byte]byte{'b': '\b', 't': '\t', 'n': '\n', 'f': '\f', 'r': '\r', 'e': 0x1b, '"': '"', '\\': '\\'}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 >= len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		if c, ok := simple[text[i]]; ok {
			b.WriteByte(c)
			continue
		}
		n := digits[text[i]]
		if n == 0 || i+n >= len(text) {
			continue
		}
		if r, err := strconv.ParseInt(text[i+1:i+1+n], 16, 32); err == nil {
			b.WriteRune(rune(r))
		}
		i += n
	}
	return b.String()
}
