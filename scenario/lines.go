package scenario

import (
	"strconv"
	"strings"
)

// lineIndex gives the line of each table and key of a test file. Keys within an
// inline table stand on its line.
type lineIndex map[string]int

// of is the line of a path, or else that of the nearest place above it.
func (l lineIndex) of(path string) int {
	for path != "" {
		if line, known := l[path]; known {
			return line
		}
		path = parentPath(path)
	}
	return 0
}

// parentPath cuts the last key or index off a path. Quotes are respected: a
// quoted key may hold dots and brackets.
func parentPath(path string) string {
	cut, quoted := 0, false
	for i := 0; i < len(path); i++ {
		switch {
		case quoted && path[i] == '\\':
			i++
		case path[i] == '"':
			quoted = !quoted
		case !quoted && (path[i] == '.' || path[i] == '['):
			cut = i
		}
	}
	return path[:cut]
}

// keyPath is the path of a key in the table at a path.
func keyPath(path, key string) string {
	if strings.ContainsFunc(key, func(r rune) bool { return !bareRune(r) }) || key == "" {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// indexPath is the path of an element of the array at a path.
func indexPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func bareRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
}

// lineScanner walks a file that the TOML library has accepted. It knows just
// enough of the language to tell where a statement begins.
type lineScanner struct {
	text   string
	pos    int
	line   int
	lines  lineIndex
	arrays map[string]int
}

// scanLines finds the line of every header and of every key outside inline tables.
func scanLines(text string) lineIndex {
	s := &lineScanner{text: text, line: 1, lines: lineIndex{}, arrays: map[string]int{}}
	table := ""
	for s.skipBlank(); s.pos < len(s.text); s.skipBlank() {
		line := s.line
		if s.text[s.pos] == '[' {
			table = s.header(line)
			continue
		}
		path := table
		for _, key := range s.key() {
			path = keyPath(path, key)
			s.note(path, line)
		}
		s.value(path)
	}
	return s.lines
}

func (s *lineScanner) note(path string, line int) {
	if _, known := s.lines[path]; !known {
		s.lines[path] = line
	}
}

// header reads [a.b] or [[a.b]]. A name on the way that is an array of tables
// means its last element.
func (s *lineScanner) header(line int) string {
	rest := s.text[s.pos:]
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	s.pos += len(rest)
	array := strings.HasPrefix(rest, "[[")
	path := ""
	keys, _ := splitKey(strings.TrimLeft(rest, "["))
	for i, key := range keys {
		path = keyPath(path, key)
		s.note(path, line)
		if array && i == len(keys)-1 {
			s.arrays[path]++
		}
		if n := s.arrays[path]; n > 0 {
			path = indexPath(path, n-1)
			s.note(path, line)
		}
	}
	return path
}

// key passes over the key of `key = value`.
func (s *lineScanner) key() []string {
	keys, rest := splitKey(s.text[s.pos:])
	s.pos = len(s.text) - len(rest)
	return keys
}

// value passes over what follows a key, up to the end of its last line. The
// tables in an array are noted, each with its line.
func (s *lineScanner) value(path string) {
	depth, element := 0, 0
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; c {
		case '"', '\'':
			s.skipString()
			continue
		case '[', '{':
			if depth == 1 && c == '{' {
				s.note(indexPath(path, element), s.line)
				element++
			}
			depth++
		case ']', '}':
			depth--
		case '#':
			s.skipLine()
			continue
		case '\n':
			if depth <= 0 {
				return
			}
			s.line++
		}
		s.pos++
	}
}

// skipString passes over a string of any of the four kinds.
func (s *lineScanner) skipString() {
	quote := s.text[s.pos : s.pos+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s.text[s.pos:], triple) {
		quote = triple
	}
	s.pos += len(quote)
	for s.pos < len(s.text) && !strings.HasPrefix(s.text[s.pos:], quote) {
		if s.text[s.pos] == '\\' && quote[0] == '"' && s.pos+1 < len(s.text) && s.text[s.pos+1] != '\n' {
			s.pos++
		}
		if s.text[s.pos] == '\n' {
			if len(quote) == 1 {
				return
			}
			s.line++
		}
		s.pos++
	}
	s.pos = min(s.pos+len(quote), len(s.text))
	// One or two quotes may stand right before the closing three.
	for range len(quote) - 1 {
		if strings.HasPrefix(s.text[s.pos:], quote[:1]) {
			s.pos++
		}
	}
}

func (s *lineScanner) skipLine() {
	for s.pos < len(s.text) && s.text[s.pos] != '\n' {
		s.pos++
	}
}

func (s *lineScanner) skipBlank() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case '\n':
			s.line++
		case ' ', '\t', '\r':
		case '#':
			s.skipLine()
			continue
		default:
			if !strings.HasPrefix(s.text[s.pos:], "\ufeff") {
				return
			}
			s.pos += len("\ufeff") - 1
		}
		s.pos++
	}
}

// splitKey reads a dotted key (a, a.b, "a b".c) and returns what follows it.
func splitKey(text string) (keys []string, rest string) {
	for {
		text = strings.TrimLeft(text, " \t")
		key, after := cutKey(text)
		if after == text {
			return keys, text
		}
		keys = append(keys, key)
		text = strings.TrimLeft(after, " \t")
		if !strings.HasPrefix(text, ".") {
			return keys, text
		}
		text = text[1:]
	}
}

// cutKey reads one part of a key; without one it returns the text as it is.
func cutKey(text string) (key, rest string) {
	switch {
	case strings.HasPrefix(text, `"`):
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return "", text
		}
		key, err = strconv.Unquote(quoted)
		if err != nil {
			return "", text
		}
		return key, text[len(quoted):]
	case strings.HasPrefix(text, "'"):
		key, rest, found := strings.Cut(text[1:], "'")
		if !found {
			return "", text
		}
		return key, rest
	}
	end := strings.IndexFunc(text, func(r rune) bool { return !bareRune(r) })
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}
